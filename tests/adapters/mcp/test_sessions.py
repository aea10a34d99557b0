"""Sessions with upstream servers: what they lose is told, one that is over takes no call, and none waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp.server import Server
from mcp.shared.message import SessionMessage
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool

from adapters.mcp.sessions import Connect, UpstreamSession
from adapters.mcp.stream_budget import Loss, Lost, StreamBudget
from contracts.action.mcp_request import definition_of
from contracts.errors import AilyusError
from tests.slowness import scaled

TOOL = Tool(name="get", description="One user.", input_schema={"type": "object"})


class Upstream:
    """A server in this process, over streams in memory: how often its list was asked for, and what it has to say."""

    def __init__(self) -> None:
        self.lists = 0
        self.tools = [TOOL]
        self.hold: asyncio.Event | None = None
        self.talk = StreamBudget()

    async def list_tools(self, context: Any, params: Any) -> ListToolsResult:
        self.lists += 1
        return ListToolsResult(tools=self.tools)

    async def call_tool(self, context: Any, params: Any) -> CallToolResult:
        if self.hold is not None:
            await self.hold.wait()
        return CallToolResult(content=[TextContent(type="text", text=f"{params.name} {params.arguments}")])

    @property
    def connect(self) -> Connect:
        @asynccontextmanager
        async def connected(talk: StreamBudget) -> AsyncIterator[Any]:
            self.talk = talk
            to_us, ours = anyio.create_memory_object_stream[SessionMessage | Exception](8)
            theirs, to_them = anyio.create_memory_object_stream[SessionMessage](8)
            server: Any = Server("upstream", on_list_tools=self.list_tools, on_call_tool=self.call_tool)
            async with to_us, ours, theirs, to_them, anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: server.run(to_them, to_us, server.create_initialization_options()))
                yield ours, theirs
                tasks.cancel_scope.cancel()

        return connected


@asynccontextmanager
async def session(upstream: Upstream) -> AsyncIterator[UpstreamSession]:
    made = UpstreamSession(upstream.connect)
    await made.open(scaled(10))
    try:
        yield made
    finally:
        await made.close()


async def test_a_tool_is_pinned_and_called() -> None:
    upstream = Upstream()
    async with session(upstream) as made:
        assert made.usable
        pins = await made.definitions(now=False)
        assert pins == {"get": definition_of(TOOL.model_dump(mode="json", by_alias=True, exclude_none=True))}
        result = await made.call("get", {"id": "u1"})
        assert isinstance(result, CallToolResult)
        assert isinstance(result.content[0], TextContent)
        assert result.content[0].text == "get {'id': 'u1'}"
    assert not made.usable


async def test_definitions_are_asked_for_before_each_write_and_else_as_known() -> None:
    upstream = Upstream()
    async with session(upstream) as made:
        await made.definitions(now=False)
        await made.definitions(now=False)
        assert upstream.lists == 1
        await asyncio.gather(*(made.definitions(now=True) for _ in range(3)))
        assert upstream.lists == 4
        upstream.tools = [TOOL.model_copy(update={"description": "Another."})]
        first = await made.definitions(now=True)
        assert first["get"] != definition_of(TOOL.model_dump(mode="json", by_alias=True, exclude_none=True))


async def test_a_session_that_is_over_takes_no_call() -> None:
    upstream = Upstream()
    async with session(upstream) as made:
        upstream.talk.end(Loss.FLOODS)
        with pytest.raises(Lost, match="the server floods"):
            await made.call("get", {})
        assert not made.usable


async def test_who_waits_is_told_as_soon_as_it_is_over() -> None:
    upstream = Upstream()
    upstream.hold = asyncio.Event()
    async with session(upstream) as made:
        waiting = asyncio.create_task(made.call("get", {}))
        await asyncio.sleep(0)
        upstream.talk.end(Loss.ENDED)
        with pytest.raises(Lost, match="the server ended"):
            await asyncio.wait_for(waiting, scaled(10))


async def test_who_gives_up_retires_the_session() -> None:
    upstream = Upstream()
    upstream.hold = asyncio.Event()
    async with session(upstream) as made:
        waiting = asyncio.create_task(made.call("get", {}))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not made.usable


async def test_a_server_that_cannot_be_reached_or_is_refused_is_said() -> None:
    @asynccontextmanager
    async def unreachable(talk: StreamBudget) -> AsyncIterator[Any]:
        raise OSError("no route")
        yield

    @asynccontextmanager
    async def refused(talk: StreamBudget) -> AsyncIterator[Any]:
        raise AilyusError("no_server", "there is no program `x`")
        yield

    with pytest.raises(Lost, match="the server cannot be reached"):
        await UpstreamSession(unreachable).open(scaled(10))
    with pytest.raises(AilyusError, match="there is no program `x`"):
        await UpstreamSession(refused).open(scaled(10))


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    @asynccontextmanager
    async def silent(talk: StreamBudget) -> AsyncIterator[Any]:
        to_us, ours = anyio.create_memory_object_stream[SessionMessage | Exception](8)
        theirs, to_them = anyio.create_memory_object_stream[SessionMessage](8)
        async with to_us, ours, theirs, to_them:
            yield ours, theirs

    made = UpstreamSession(silent)
    with pytest.raises(Lost, match="the server does not answer"):
        await made.open(0.05)
    assert not made.usable
