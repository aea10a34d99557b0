"""Nobody reads another's action, receipt, task or progress, by guessing ids or by replaying them.

Three strangers try: another agent for the same person, the same kind of agent for another person, and one of another
tenant. (Secret handles: `tests/journeys/test_aws_keys.py`; sessions: `test_tokens.py`.)
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from mcp.shared.exceptions import MCPError

from tests.identity.clients import modern
from tests.world import MARIA, Sandbox, World, gateway, make_workspace

MORE_PEOPLE = """
[[people]]
name = "colleague"
tenant = "acme"
roles = ["Support"]

[[people]]
name = "outsider"
tenant = "globex"
roles = ["Support"]
"""
STRANGERS = {
    "other-agent": ("acme", "requester"),
    "other-person": ("acme", "colleague"),
    "abroad": ("globex", "outsider"),
}


@pytest.fixture
async def house(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    async with gateway(make_workspace(tmp_path / "w", sandbox, extra=MORE_PEOPLE), sandbox) as world:
        yield world


async def stranger(world: World, name: str) -> str:
    tenant, person = STRANGERS[name]
    return await world.app.agents.add(name, tenant, person, person, frozenset({"Support"}), False)


@pytest.mark.parametrize("who", STRANGERS)
async def test_an_action_a_task_and_a_receipt_are_their_owners_alone(house: World, who: str) -> None:
    asked = await house.call("reset_user_mfa", MARIA)
    action, receipt = asked["action_id"], asked["receipt_id"]
    done = await house.call("find_user", {"email": "maria@example.com"})
    theirs = await stranger(house, who)
    unknown = await house.call("get_action", {"action_id": "act_" + "0" * 26}, theirs)
    for one in (action, done["action_id"]):
        told = await house.call("get_action", {"action_id": one}, theirs)
        assert told == unknown, "a foreign id is told apart from one that never was"
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        foreign = await modern(house, theirs, method, action, {"taskId": action})
        never = await modern(house, theirs, method, "act_0", {"taskId": "act_0"})
        assert foreign["error"] == never["error"]
        assert foreign["error"]["code"] == -32602
    for one in (receipt, done["receipt_id"]):
        uri = f"receipt://{one}"
        foreign = await modern(house, theirs, "resources/read", uri, {"uri": uri})
        assert foreign["error"]["code"] == -32602
    for method in ("resources/list", "resources/templates/list"):
        listed = orjson.dumps(await modern(house, theirs, method, "", {}))
        assert action.encode() not in listed
        assert receipt.encode() not in listed
    found = await house.call("find_receipts", {}, theirs)
    assert found["data"]["receipts"] == []
    ref = {"type": "ref/resource", "uri": "receipt://{receipt_id}"}
    for start in ("", "rcp_", done["receipt_id"][:-1]):
        completed = await modern(
            house, theirs, "completion/complete", "", {"ref": ref, "argument": {"name": "receipt_id", "value": start}}
        )
        assert completed["result"]["completion"]["values"] == []
    own = await house.get(action, 0)
    assert own["status"] == "approval_required"
    assert (await modern(house, house.token, "tasks/get", action, {"taskId": action}))["result"]["taskId"] == action


async def test_the_owner_reads_lists_and_completes_receipts(house: World) -> None:
    done = await house.call("find_user", {"email": "maria@example.com"})
    uri = f"receipt://{done['receipt_id']}"
    read = await modern(house, house.token, "resources/read", uri, {"uri": uri})
    body = orjson.loads(read["result"]["contents"][0]["text"])
    assert (body["status"], body["answer"]) == ("confirmed", done)
    listed = await modern(house, house.token, "resources/list", "", {})
    assert uri in {resource["uri"] for resource in listed["result"]["resources"]}
    ref = {"type": "ref/resource", "uri": "receipt://{receipt_id}"}
    argument = {"name": "receipt_id", "value": done["receipt_id"][:12]}
    completed = await modern(house, house.token, "completion/complete", "", {"ref": ref, "argument": argument})
    assert completed["result"]["completion"]["values"] == [done["receipt_id"]]


@pytest.mark.parametrize("who", STRANGERS)
async def test_the_state_of_anothers_call_is_worth_nothing(house: World, who: str) -> None:
    params = {"name": "reset_user_mfa", "arguments": MARIA}
    links = {"elicitation": {"url": {}}}
    first = await modern(house, house.token, "tools/call", "reset_user_mfa", params, **links)
    state = first["result"]["requestState"]
    assert first["result"]["resultType"] == "input_required"
    theirs = await stranger(house, who)
    answers = {"approval": {"action": "accept"}}
    replayed = {**params, "requestState": state, "inputResponses": answers}
    refused = await modern(house, theirs, "tools/call", "reset_user_mfa", replayed, **links)
    assert refused["error"]["code"] == -32602
    leo = {**params, "arguments": {**MARIA, "user_id": "00u2leo000001"}, "requestState": state}
    moved = await modern(house, house.token, "tools/call", "reset_user_mfa", leo, **links)
    assert moved["error"]["code"] == -32602
    bent = {**replayed, "requestState": state[:-2] + ("AA" if state[-2:] != "AA" else "BB")}
    assert (await modern(house, house.token, "tools/call", "reset_user_mfa", bent, **links))["error"]["code"] == -32602
    assert house.sandbox.writes("reset_factors") == 0


async def test_progress_goes_to_whoever_called_and_to_nobody_else(house: World, sandbox: Sandbox) -> None:
    theirs = await stranger(house, "other-agent")
    heard: dict[str, list[str]] = {"own": [], "theirs": []}
    sandbox.fault("slow", "unlock", ms=900)

    async def call(who: str, token: str, tool: str, arguments: dict[str, Any]) -> None:
        async def progress(done: float, total: float | None, message: str | None) -> None:
            heard[who].append(str(message))

        async with house.client(token=token) as client:
            for _ in range(1 if who == "own" else 8):
                await client.call_tool(tool, arguments, progress_callback=progress)

    unlock = {"user_id": "00u2leo000001", "reason": "locked out since this morning"}
    await asyncio.gather(
        call("own", house.token, "unlock_user", unlock),
        call("theirs", theirs, "find_user", {"email": "leo@example.com"}),
    )
    assert heard["own"]
    assert heard["theirs"] == []


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_nothing_of_an_exception_reaches_a_client(house: World, mode: str) -> None:
    house.app.gateway.receipts._runner = {}.__getitem__  # a fault that nobody foresaw
    async with house.client(mode) as client:
        with pytest.raises(MCPError) as raised:
            await client.list_resources()
    assert "maria" not in str(raised.value)
    assert "fault of its own" in raised.value.error.message
