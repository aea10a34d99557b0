"""No status makes a client throw: every golden result, through every client, against the published output schema."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from server.mcp.pending_result import result_of
from server.mcp.tasks import Context
from server.results.answers import NOT_ERRORS
from server.results.output_schema import OUTPUT_SCHEMA
from tests.clients.terminal import typescript
from tests.server.results.statuses import RESULTS
from tests.world import Sandbox, World, gateway, make_workspace


@pytest.fixture
async def answering(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """A gateway with one tool more for each golden result, which answers with it."""

    async def listed(ctx: Context, params: types.PaginatedRequestParams) -> types.ListToolsResult:
        tools = [
            types.Tool(name=name, description=name, input_schema={"type": "object"}, output_schema=dict(OUTPUT_SCHEMA))
            for name in RESULTS
        ]
        return types.ListToolsResult(tools=tools, cache_scope="private")

    async def called(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        return result_of(RESULTS[params.name], ctx.protocol_version)

    async with gateway(make_workspace(tmp_path / "w", sandbox), sandbox) as world:
        server = world.app.gateway.server
        server.add_request_handler("tools/list", types.PaginatedRequestParams, listed)
        server.add_request_handler("tools/call", types.CallToolRequestParams, called)
        yield world


def check(name: str, result: dict[str, Any]) -> None:
    answer = RESULTS[name]
    assert result["structuredContent"] == answer.document()
    assert bool(result.get("isError")) is (answer.status not in NOT_ERRORS)
    assert answer.next in result["content"][0]["text"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_python_client(answering: World, mode: str) -> None:
    async with answering.client(mode) as client:
        await client.list_tools()
        for name in RESULTS:
            result = await client.call_tool(name, {})
            check(name, result.model_dump(mode="json", by_alias=True))


@pytest.mark.parametrize(("generation", "mode"), [("1", "legacy"), ("2", "legacy"), ("2", "auto")])
async def test_the_typescript_clients(answering: World, generation: str, mode: str) -> None:
    async with typescript(generation, mode, "plain", answering.url, answering.token) as client:
        for name in RESULTS:
            check(name, await client.call(name, {}))
