"""Progress without anybody asking: slow calls, what stays open, and statements about it."""

import asyncio
from pathlib import Path

import pytest

from server.actions import runner
from tests.slowness import scaled
from tests.until import until
from tests.world import LEO, Sandbox, World, gateway, make_workspace


async def test_a_slow_call_answers_running_and_can_be_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ANSWER_WITHIN", 0.2)
    world.sandbox.fault("slow", "unlock", ms=600)
    answer = await world.call("unlock_user", {"user_id": LEO["user_id"], "reason": "locked out since this morning"})
    assert answer["status"] == "running"
    assert (await world.get(answer["action_id"]))["status"] == "confirmed"
    assert world.sandbox.writes() == 1


async def test_a_gateway_that_ends_tells_what_is_known_of_a_write_and_finishes_a_read(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    # slow, and within the time that the connection allows, also on a busy machine
    async with gateway(make_workspace(tmp_path / "w", sandbox, timeout="20s"), sandbox) as world:
        await ends_while_it_writes_and_reads(world)


async def ends_while_it_writes_and_reads(world: World) -> None:
    world.sandbox.fault("slow", "unlock", ms=int(scaled(3000)))
    unlock = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}
    write = asyncio.create_task(world.call("unlock_user", unlock))
    await until(lambda: world.rows("SELECT 1 FROM actions WHERE state = 'running'"))
    (action,) = world.app.runner.running_ids()
    waiting = asyncio.create_task(world.get(action, 40))
    world.sandbox.fault("slow", "users", ms=int(scaled(500)))
    read = asyncio.create_task(world.call("find_user", {"email": "maria@example.com"}))
    await until(lambda: world.app.runner.count == 2)
    world.app.runner.answer_now()
    assert [(await write)["status"], (await waiting)["status"]] == ["running", "running"]
    assert (await read)["status"] == "confirmed"
    await until(lambda: world.app.runner.count == 0)
    told = await world.get(action, 0)
    assert told["status"] == "confirmed", told


async def test_what_is_open_is_said(world: World) -> None:
    asked = await world.call("reset_user_mfa", {**LEO})
    await world.app.recovery.log_open_actions()
    await world.app.inbox.cancel(asked["action_id"])
    assert (await world.get(asked["action_id"]))["status"] == "cancelled"
    assert world.rows("SELECT count(*) FROM statements WHERE kind = 'state'") == [(1,)]
    assert world.sandbox.writes() == 0
