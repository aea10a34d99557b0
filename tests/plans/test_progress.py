"""Progress of a plan as MCP notifications, in both protocol eras."""

from typing import Any

import pytest

from tests.plans.records import REASON, each, seeded
from tests.world import World


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_progress_is_told_while_a_plan_runs(records: World, mode: str) -> None:
    names = [f"n{n}" for n in range(150)]
    seeded(records, *names)
    steps = [each(names)]
    told: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async with records.client(mode) as client:
        arguments: dict[str, Any] = {"steps": steps, "reason": REASON}
        result = await client.call_tool("run_plan", arguments, progress_callback=progress)
        assert (result.structured_content or {})["status"] == "confirmed"
        plain = await client.call_tool("find_receipts", {})
        assert (plain.structured_content or {})["status"] == "confirmed"
    assert told
    assert all(total == 150 for _, total, _ in told)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert any(message and message.startswith("each[") for _, _, message in told)
