"""Zendesk: a colleague changes the ticket between the look and the update, which `safe_update` then refuses."""

import asyncio
from pathlib import Path

from tests.until import until
from tests.world import Sandbox, gateway, make_workspace

PENDING = {"ticket": "4711", "status": "pending"}


async def test_an_update_that_collides_is_decided_again_on_what_the_colleague_left(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with gateway(make_workspace(tmp_path / "w", sandbox, timeout="20s"), sandbox) as world:
        sandbox.fault("slow", "tickets/4711", "zendesk", ms=4000)  # less than the contract waits
        asked = asyncio.create_task(world.call("set_ticket_status", PENDING))
        await until(lambda: sandbox.writes("tickets/4711") == 1)
        state = sandbox.state()
        ticket = state["acme"]["zendesk"]["tickets"]["4711"]
        ticket |= {"tags": ["vip", "web"], "updated_at": "2026-11-29T10:00:00Z"}
        sandbox.put(state)
        answer = await asked
        assert answer["status"] == "confirmed", answer
        statuses = [entry["status"] for entry in sandbox.log("tickets/4711") if entry["method"] == "PUT"]
        assert statuses == [409, 200]
        left = sandbox.state()["acme"]["zendesk"]["tickets"]["4711"]
        assert (left["status"], left["tags"]) == ("pending", ["vip", "web"])
