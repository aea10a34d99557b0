"""The process dies between intent and outcome, at random points: no second effect, every intent closed by read-back."""

import asyncio
import contextlib
import random
import time
from pathlib import Path
from typing import Any

from tests.journeys.served import call_tool, rows_of, token_of
from tests.slowness import scaled
from tests.until import until
from tests.world import Sandbox, Served, Workspace, add_records

KILLS = 25


async def test_twenty_five_kills(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    served = Served(workspace)
    dice = random.Random(7)
    faults: list[str | None] = [None, None, "lost_reply", "lost_request", "late_effect", "slow", "hang_after_effect"]
    try:
        url = await asyncio.to_thread(served.start)
        token = await token_of(workspace)
        for number in range(KILLS):
            name = f"event{chr(97 + number)}"
            fault = dice.choice(faults)
            if fault:
                sandbox.fault(fault, "events", "records", ms=150)
            call = asyncio.create_task(call_tool(url, token, "add_event", {"record": "r1", "name": name}))
            await asyncio.to_thread(_sleep_into_the_send, sandbox, name, dice.random() * 0.05, workspace)
            await asyncio.to_thread(served.kill)
            with contextlib.suppress(BaseException):
                await asyncio.wait_for(call, scaled(5))
            sandbox._client.delete("/faults")
            url = await asyncio.to_thread(served.start)
            answer = await _ended(url, token, name)
            events = [e["name"] for e in sandbox.state()["acme"]["records"]["records"]["r1"]["events"]]
            assert events.count(name) <= 1, (number, fault, events)
            if answer["status"] == "confirmed":
                assert events.count(name) == 1, (number, fault, answer)
        rows = rows_of(workspace, "SELECT count(*) FROM intents WHERE state = 'intent'")
        assert rows == [(0,)]
        assert rows_of(workspace, "SELECT count(*) FROM actions WHERE state <> 'ended'") == [(0,)]
    finally:
        served.stop()


def _sleep_into_the_send(sandbox: Sandbox, name: str, more: float, workspace: Workspace) -> None:
    """Wait until the intent is durable, then a random moment more."""
    end = time.monotonic() + scaled(3)
    while time.monotonic() < end:
        rows = rows_of(workspace, "SELECT count(*) FROM intents WHERE state = 'intent'")
        if rows != [(0,)]:
            break
        time.sleep(0.001)
    time.sleep(more)


async def _ended(url: str, token: str, name: str) -> dict[str, Any]:
    """The same call again, until it has ended: it never becomes another action while the first is open."""
    end = time.monotonic() + scaled(20)
    while True:
        answer = await call_tool(url, token, "add_event", {"record": "r1", "name": name})
        if answer["status"] == "running":
            answer = await call_tool(url, token, "get_action", {"action_id": answer["action_id"], "wait_seconds": 10})
        if answer["status"] != "running":
            return answer
        assert time.monotonic() < end, answer


async def test_a_later_attempt_that_died_is_followed_by_the_next_one(tmp_path: Path, sandbox: Sandbox) -> None:
    """Two requests are lost before any effect, and the process dies while it waits for the second to settle."""
    workspace = add_records(tmp_path / "w", sandbox)
    served = Served(workspace)
    try:
        url = await asyncio.to_thread(served.start)
        token = await token_of(workspace)
        sandbox.fault("lost_request", "events", "records", times=2)
        call = asyncio.create_task(call_tool(url, token, "add_event", {"record": "r1", "name": "paid"}))
        await until(lambda: sandbox.writes() >= 2)
        await asyncio.to_thread(served.kill)
        with contextlib.suppress(BaseException):
            await asyncio.wait_for(call, scaled(5))
        url = await asyncio.to_thread(served.start)
        assert (await _ended(url, token, "paid"))["status"] == "confirmed"
        assert rows_of(workspace, "SELECT attempt, state FROM intents ORDER BY attempt") == [
            (1, "failed"),
            (2, "failed"),
            (3, "done"),
        ]
        assert sandbox.effects() == 1
    finally:
        served.stop()
