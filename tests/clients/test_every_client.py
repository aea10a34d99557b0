"""Every client gets through: it asks, a person approves in the browser, the gateway is started anew, the outcome comes."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import UrlElicitationRequiredError

from server.workspace.free_port import free_port
from tests.clients.terminal import typescript
from tests.console.people import SECOND_LEAD, People, Person, browsing
from tests.inspector import inspector
from tests.web import web
from tests.world import MARIA, Sandbox, World, gateway, make_workspace

pytestmark = pytest.mark.usefixtures("browser_part")
EXTENSIONS = {"io.modelcontextprotocol/tasks": {}}


@dataclass
class House:
    """A gateway that can be started anew at the same address, and a person with a passkey at a browser."""

    world: World
    people: People
    lead: Person
    restarts: AsyncExitStack
    again: Callable[[], Any]

    async def restart(self) -> None:
        await self.restarts.aclose()
        self.world = await self.restarts.enter_async_context(self.again())
        self.people.world = self.lead.world = self.world

    async def approve(self, action: str) -> None:
        await self.lead.decide(action, "approve with a passkey")
        assert self.lead.page.url.endswith(f"/actions/{action}")

    async def approve_at(self, url: str) -> str:
        """Open the link that a client was given, as a person does."""
        assert url.startswith(self.lead.url + "/approvals/")
        action = url.rpartition("/")[2]
        await self.approve(action)
        return action


@pytest.fixture
async def house(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[House]:
    workspace, port = make_workspace(tmp_path / "w", sandbox, extra=SECOND_LEAD), free_port()

    def again() -> Any:
        return gateway(workspace, sandbox, port=port)

    async with AsyncExitStack() as restarts:
        world = await restarts.enter_async_context(again())
        async with browsing(world) as people:
            lead = await people.person("lead")
            yield House(world, people, lead, restarts, again)


Call = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


@asynccontextmanager
async def python(house: House, mode: str, **options: Any) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {house.world.token}"}
    async with (
        web(headers=headers, timeout=60.0) as http,
        Client(streamable_http_client(house.world.url, http_client=http), mode=mode, **options) as client,
    ):
        yield client


async def through(house: House, call: Call) -> None:
    """Ask; the gateway is started anew; somebody approves; it is started anew; the outcome."""
    asked = await call("reset_user_mfa", MARIA)
    assert asked["structuredContent"]["status"] == "approval_required", asked
    assert asked["structuredContent"]["approval"]["url"].startswith(house.lead.url)
    action = asked["structuredContent"]["action_id"]
    await house.restart()
    await house.approve(action)
    ended = await call("get_action", {"action_id": action, "wait_seconds": 40})
    assert ended["structuredContent"]["status"] == "confirmed", ended
    await house.restart()
    again = await call("get_action", {"action_id": action, "wait_seconds": 0})
    assert again["structuredContent"] == ended["structuredContent"]
    assert house.world.sandbox.effects("reset_factors") == 1


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_python_client_of_both_eras(house: House, mode: str) -> None:
    async with python(house, mode) as client:

        async def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            result = await client.call_tool(name, arguments)
            return result.model_dump(mode="json", by_alias=True)

        await through(house, call)


@pytest.mark.parametrize(("generation", "mode"), [("1", "legacy"), ("2", "legacy"), ("2", "auto")])
async def test_the_typescript_clients(house: House, generation: str, mode: str) -> None:
    async with typescript(generation, mode, "plain", house.world.url, house.world.token) as client:
        await through(house, client.call)


async def test_the_inspector(house: House) -> None:
    async def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        told = await asyncio.to_thread(inspector, house.world.url, house.world.token, name, arguments)
        return dict(told)

    await through(house, call)


async def test_the_python_client_opens_the_link(house: House) -> None:
    async def opened(context: Any, params: Any) -> types.ElicitResult:
        await house.restart()
        await house.approve_at(params.url)
        return types.ElicitResult(action="accept")

    async with python(house, "auto", elicitation_callback=opened) as client:
        result = await client.call_tool("reset_user_mfa", MARIA)
    assert (result.structured_content or {})["status"] == "confirmed", result


async def test_a_link_that_nobody_opens_is_no_approval(house: House) -> None:
    asked: list[str] = []

    async def declined(context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.url)
        return types.ElicitResult(action="decline")

    async def pretended(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"approved": True})

    async with python(house, "auto", elicitation_callback=declined) as client:
        result = await client.call_tool("reset_user_mfa", MARIA)
    answer = result.structured_content or {}
    assert (answer["status"], len(asked)) == ("approval_required", 1)
    leo = {"user_id": "00u2leo000001", "ticket": "4712", "reason": "a new phone, see the ticket"}
    async with python(house, "auto", elicitation_callback=pretended) as client:
        waiting = asyncio.create_task(client.call_tool("reset_user_mfa", leo))
        await asyncio.sleep(2)
        assert house.world.sandbox.writes("reset_factors") == 0
        assert not waiting.done()
        waiting.cancel()


async def test_the_python_client_of_2025_is_told_by_error_and_calls_again(house: House) -> None:
    async def never(context: Any, params: Any) -> types.ElicitResult:
        raise AssertionError("the error form asks nobody")

    async with python(house, "legacy", elicitation_callback=never) as client:
        with pytest.raises(Exception) as raised:
            await client.call_tool("reset_user_mfa", MARIA)
        error = UrlElicitationRequiredError.from_error(raised.value.error)  # type: ignore[attr-defined]
        await house.restart()
        waits = await client.call_tool("reset_user_mfa", MARIA)
        assert (waits.structured_content or {})["status"] == "approval_required"
        await house.approve_at(error.elicitations[0].url)
        assert error.elicitations[0].elicitation_id == waits.structured_content["action_id"]
        ended = await client.call_tool(
            "get_action", {"action_id": waits.structured_content["action_id"], "wait_seconds": 30}
        )
        assert (ended.structured_content or {})["status"] == "confirmed"


async def test_the_typescript_client_of_2026_opens_the_link(house: House) -> None:
    async with typescript("2", "auto", "links", house.world.url, house.world.token) as client:
        await client.say(name="reset_user_mfa", arguments=MARIA)
        link = await client.hear("link")
        await house.restart()
        await house.approve_at(link["url"])
        await client.say(action="accept")
        result = (await client.hear("result"))["result"]
    assert result["structuredContent"]["status"] == "confirmed", result


async def test_the_typescript_client_of_2025_is_told_by_error(house: House) -> None:
    async with typescript("1", "legacy", "links", house.world.url, house.world.token) as client:
        await client.say(name="reset_user_mfa", arguments=MARIA)
        error = await client.hear("error")
        assert error["code"] == -32042
        await house.approve_at(error["data"]["elicitations"][0]["url"])
        ended = await client.call("reset_user_mfa", MARIA)
        if ended["structuredContent"]["status"] in ("approval_required", "running"):
            waited = {"action_id": ended["structuredContent"]["action_id"], "wait_seconds": 30}
            ended = await client.call("get_action", waited)
    assert ended["structuredContent"]["status"] == "confirmed", ended


async def test_a_client_with_tasks_gets_a_task(house: House) -> None:
    capabilities = {"extensions": EXTENSIONS, "elicitation": {"url": {}}}

    async def send(method: str, name: str, params: dict[str, Any]) -> dict[str, Any]:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        }
        headers = {
            "authorization": f"Bearer {house.world.token}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": method,
            "mcp-name": name,
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        async with web(timeout=30) as http:
            found: dict[str, Any] = (await http.post(house.world.url, json=body, headers=headers)).json()
            return dict(found["result"])

    task = await send("tools/call", "reset_user_mfa", {"name": "reset_user_mfa", "arguments": MARIA})
    assert (task["resultType"], task["status"]) == ("task", "input_required")
    name = task["taskId"]
    seen = await send("tasks/get", name, {"taskId": name})
    link = seen["inputRequests"]["approval"]["params"]["url"]
    assert re.match(r"^\d{4}-\d\d-\d\dT", seen["createdAt"])
    await send("tasks/update", name, {"taskId": name, "inputResponses": {"approval": {"action": "accept"}}})
    assert (await send("tasks/get", name, {"taskId": name}))["status"] == "input_required"
    await house.restart()
    await house.approve_at(link)
    for _ in range(200):
        seen = await send("tasks/get", name, {"taskId": name})
        if seen["status"] not in ("working", "input_required"):
            break
        await asyncio.sleep(0.05)
    assert seen["status"] == "completed", seen
    assert seen["result"]["structuredContent"]["status"] == "confirmed"
    leo = {"user_id": "00u2leo000001", "ticket": "4712", "reason": "a new phone, see the ticket"}
    other = await send("tools/call", "reset_user_mfa", {"name": "reset_user_mfa", "arguments": leo})
    await send("tasks/cancel", other["taskId"], {"taskId": other["taskId"]})
    assert (await send("tasks/get", other["taskId"], {"taskId": other["taskId"]}))["status"] == "cancelled"


async def released_anew(house: House) -> None:
    """Other contracts are released while the gateway runs."""
    workspace = house.world.workspace
    path = next((workspace.root / "contracts").rglob("find_user.yaml"))
    path.write_text(path.read_text().replace("Find a user", "Find one user").replace("version: 1", "version: 2"))
    await house.world.app.replace(await asyncio.to_thread(workspace.release))


@pytest.mark.parametrize(("generation", "mode"), [("1", "legacy"), ("2", "auto")])
async def test_clients_of_both_eras_hear_that_the_tools_changed(house: House, generation: str, mode: str) -> None:
    async with typescript(generation, mode, "plain", house.world.url, house.world.token) as client:
        await asyncio.sleep(0.3)  # the stream on which it hears opens after the handshake
        await released_anew(house)
        await client.hear("tools changed")
