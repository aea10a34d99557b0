"""Plans over the records of the sandbox: steps to ask for, and what became of them."""

import asyncio
from typing import Any

from tests.until import until
from tests.world import World

REASON = "a test of several steps"
SHARED = "budgets:\n  - {name: events, action: add_event, per: tenant, window: 1h}\n"
SHARE = """
@id("ten-of-all")
forbid (principal is Agent, action == Action::"add_event", resource) when { context.budget.events > 10 };
"""


def seeded(world: World, *names: str) -> None:
    state = world.sandbox.state()
    for name in names:
        state["acme"]["records"]["records"][name] = {"id": name, "version": "1", "value": "old", "events": []}
    world.sandbox.put(state)


def values(world: World) -> dict[str, str]:
    records = world.sandbox.state()["acme"]["records"]["records"]
    return {name: record["value"] for name, record in records.items()}


def set_value(step: str, record: str, value: str) -> dict[str, Any]:
    return {"id": step, "contract": "set_value", "inputs": {"record": record, "value": value}}


def each(names: list[str], value: str = "new", **more: Any) -> dict[str, Any]:
    """One step over many records."""
    return {**set_value("each", "${item}", value), "for_each": names, **more}


def states(answer: dict[str, Any]) -> dict[str, str]:
    return {step["id"]: step["state"] for step in answer["steps"]}


async def run(world: World, steps: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return await world.call("run_plan", {"steps": steps, "reason": REASON, **more})


async def changed_meanwhile_stays(records: World) -> None:
    """An undo leaves what somebody else changed after the step."""
    seeded(records, "a", "b")
    records.sandbox.fault("slow", "records/b", "records", ms=200, reads=True, times=30)
    records.sandbox.fault("lying_200", "records/b", "records", times=9)
    task = asyncio.create_task(run(records, [set_value("one", "a", "x"), set_value("two", "b", "y")]))
    await until(lambda: records.sandbox.writes("records/b"))  # so the first step has been read back
    state = records.sandbox.state()
    state["acme"]["records"]["records"]["a"] |= {"value": "theirs", "version": "9"}
    records.sandbox.put(state)
    answer = await task
    assert answer["status"] == "partial", answer
    assert values(records)["a"] == "theirs"
    assert "somebody else" in next(s["kept"] for s in answer["steps"] if s["id"] == "one")
    assert answer["escalated_to"] == "records-oncall"
