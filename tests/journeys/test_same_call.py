"""The same call, however often and however it is repeated, is the same action."""

import asyncio
from pathlib import Path

import pytest

from tests.world import LEO, MARIA, Sandbox, World, gateway, make_workspace

pytestmark = pytest.mark.both_stores


async def test_twenty_times_and_twenty_at_once_and_after_a_restart(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        at_once = await asyncio.gather(*(world.call("reset_user_mfa", MARIA) for _ in range(20)))
        in_turn = [await world.call("reset_user_mfa", {**MARIA, "reason": f"said otherwise, {i}"}) for i in range(20)]
        ids = {a["action_id"] for a in (*at_once, *in_turn)}
        assert len(ids) == 1
        assert len(await world.app.inbox.waiting()) == 1
        action = ids.pop()
    async with gateway(workspace, sandbox) as world:
        assert (await world.call("reset_user_mfa", MARIA))["action_id"] == action
        world.sandbox.fault("lost_reply")
        await world.approve(action)
        outcomes = await asyncio.gather(*(world.call("reset_user_mfa", MARIA) for _ in range(20)))
        assert {a["action_id"] for a in outcomes} == {action}
        assert (await world.get(action))["status"] == "confirmed"
    async with gateway(workspace, sandbox) as world:
        assert (await world.call("reset_user_mfa", MARIA))["action_id"] == action
        assert world.sandbox.effects() == 1
        assert world.rows("SELECT count(*) FROM statements WHERE status = 'approval_required'") == [(1,)]


async def test_twenty_permitted_writes_at_once_have_one_effect(world: World) -> None:
    arguments = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}
    answers = await asyncio.gather(*(world.call("unlock_user", arguments) for _ in range(20)))
    assert {a["action_id"] for a in answers} == {answers[0]["action_id"]}
    assert {a["status"] for a in answers} == {"confirmed"}
    assert world.sandbox.writes() == 1


async def test_not_applied_may_be_called_anew(world: World) -> None:
    world.sandbox.fault("refuse")
    first = await world.reset()
    second = await world.reset()
    assert (first["status"], second["status"]) == ("not_applied", "confirmed")
    assert first["action_id"] != second["action_id"]


async def test_what_is_unknown_is_not_begun_anew(world: World) -> None:
    world.sandbox.fault("lying_200")
    first, second = await world.reset(), await world.call("reset_user_mfa", MARIA)
    assert (first["status"], second["action_id"]) == ("unknown", first["action_id"])
    assert world.sandbox.writes() == 1


async def test_a_caller_key_tells_two_equal_calls_apart(records: World) -> None:
    async with records.client() as client:
        ids = set()
        for key in ("a", "b", "a"):
            result = await client.call_tool(
                "add_event", {"record": "r1", "name": f"paid{key}"}, meta={"dev.ailyus/caller-key": key}
            )
            ids.add((result.structured_content or {})["action_id"])
    assert len(ids) == 2
