"""Lists: what one item cannot have does not stop the others, and what was left out is named by its value."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from contracts.compiler.catalog import Complaints, load_catalog
from tests.plans.records import each, run, seeded, set_value, states, values
from tests.until import until
from tests.world import ROOT, Sandbox, World, add_records, gateway

NAMES = [f"r{n}" for n in range(12)]
SETTLE = (
    (ROOT / "tests" / "vectors" / "records" / "set_value.yaml")
    .read_text()
    .replace("contract: set_value\n", "contract: settle_record\n")
    .replace(
        "says:", 'require:\n  - {that: "before.record.value != \'closed\'", else: "the record is closed"}\nsays:', 1
    )
)


@pytest.fixture
async def lists(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """Records, and a contract that changes only those that are not closed."""
    workspace = add_records(tmp_path / "w", sandbox)
    (workspace.root / "contracts" / "records" / "settle_record.yaml").write_text(SETTLE)
    async with gateway(workspace, sandbox) as world:
        yield world


def closed(world: World, *names: str) -> None:
    state = world.sandbox.state()
    for name in names:
        state["acme"]["records"]["records"][name]["value"] = "closed"
    world.sandbox.put(state)


def settle(names: list[str], **more: Any) -> dict[str, Any]:
    return {**each(names, **more), "contract": "settle_record"}


async def test_an_item_whose_condition_does_not_hold_is_left_out(lists: World) -> None:
    seeded(lists, *NAMES)
    closed(lists, "r7")
    step = settle(NAMES, waves=[1, 3, "rest"], skip_unmet=True)
    answer = await run(lists, [step], on_failure="undo_wave")
    assert answer["status"] == "partial", answer
    assert {n: v for n, v in values(lists).items() if n in NAMES} == {**dict.fromkeys(NAMES, "new"), "r7": "closed"}
    assert "11 done, 1 left out. Left out: r7 (the record is closed)." in answer["summary"]
    (out,) = (s for s in answer["steps"] if s["state"] == "left_out")
    assert (out["item"], out["because"]) == ("r7", "the record is closed")
    assert "escalated_to" not in answer
    assert lists.sandbox.writes("records/r7") == 0
    receipt = next(s for s in lists.proof(answer["receipt_id"]).statements if s["receipt"] == answer["receipt_id"])
    assert not any("item" in s for s in receipt["steps"])


async def test_without_a_word_it_stops_the_list_as_before(lists: World) -> None:
    seeded(lists, *NAMES)
    closed(lists, "r7")
    answer = await run(lists, [settle(NAMES, waves=[4, "rest"])], on_failure="undo_wave")
    assert answer["status"] == "partial", answer
    assert [values(lists)[n] for n in NAMES[4:7]] == ["old"] * 3
    assert next(s for s in answer["steps"] if s["state"] == "not_applied")["item"] == "r7"


async def test_a_condition_that_fails_on_the_way(lists: World) -> None:
    """The first item closes the record of the second, after everything was looked at."""
    seeded(lists, "r1", "r2")
    items = [{"record": r, "value": v} for r, v in (("r1", "closed"), ("r1", "again"), ("r2", "last"))]
    inputs = {"record": "${item.record}", "value": "${item.value}"}
    step = {"id": "each", "contract": "settle_record", "inputs": inputs, "for_each": items, "skip_unmet": True}
    answer = await run(lists, [step], on_failure="undo")
    assert answer["status"] == "partial", answer
    assert (values(lists)["r1"], values(lists)["r2"]) == ("closed", "last")
    assert 'Left out: {"record":"r1","value":"again"} (the record is closed).' in answer["summary"]
    assert "escalated_to" not in answer


async def test_a_list_goes_on_after_an_item_that_failed(lists: World) -> None:
    seeded(lists, *NAMES)
    lists.sandbox.fault("refuse", "records/r7", "records", times=9)
    answer = await run(lists, [each(NAMES)], on_failure="continue")
    assert answer["status"] == "partial", answer
    assert {n: v for n, v in values(lists).items() if n in NAMES} == {**dict.fromkeys(NAMES, "new"), "r7": "old"}
    assert next(s for s in answer["steps"] if s["state"] == "not_applied")["item"] == "r7"
    assert answer["escalated_to"] == "records-oncall"


async def test_the_other_steps_of_an_item_that_failed_are_not_taken(lists: World) -> None:
    seeded(lists, "r1", "r2", "s1", "s2")
    lists.sandbox.fault("refuse", "records/r1", "records", times=9)
    inner = [set_value("first", "r${item}", "x"), set_value("second", "s${item}", "y")]
    for step, letter in zip(inner, "rs", strict=True):
        step["inputs"]["record"] = "${item." + letter + "}"
    step = {"id": "each", "for_each": [{"r": f"r{n}", "s": f"s{n}"} for n in (1, 2)], "steps": inner}
    answer = await run(lists, [step], on_failure="continue")
    assert list(states(answer).values()) == ["not_applied", "untouched", "done", "done"], answer
    assert (values(lists)["s1"], values(lists)["s2"]) == ("old", "y")


async def test_doubt_stops_a_list_that_would_go_on(lists: World) -> None:
    seeded(lists, "r1", "r2", "r3")
    lists.sandbox.fault("lost_request", "records/r2/events", "records", times=9)
    step = {"id": "each", "contract": "add_event_once", "inputs": {"record": "${item}", "name": "paid"}}
    answer = await run(lists, [{**step, "for_each": ["r1", "r2", "r3"]}], on_failure="continue")
    assert answer["status"] == "unknown", answer
    assert list(states(answer).values()) == ["done", "unknown", "untouched"]


async def test_a_plain_step_that_fails_stops_the_plan_that_would_go_on(lists: World) -> None:
    seeded(lists, "a", "b")
    lists.sandbox.fault("refuse", "records/a", "records", times=9)
    answer = await run(lists, [set_value("one", "a", "x"), set_value("two", "b", "y")], on_failure="continue")
    assert states(answer) == {"one": "not_applied", "two": "untouched"}, answer


async def test_an_optional_step_that_changed_nothing(lists: World) -> None:
    seeded(lists, "a", "b", "c")
    lists.sandbox.fault("refuse", "records/b", "records", times=9)
    steps = [set_value("one", "a", "x"), {**set_value("two", "b", "y"), "optional": True}, set_value("three", "c", "z")]
    answer = await run(lists, steps)
    assert answer["status"] == "partial", answer
    assert states(answer) == {"one": "done", "two": "not_applied", "three": "done"}
    assert "escalated_to" not in answer


async def test_an_agent_that_was_revoked_goes_on_with_nothing(lists: World) -> None:
    names = [f"n{n}" for n in range(150)]
    seeded(lists, *names)
    task = asyncio.create_task(run(lists, [each(names)], on_failure="continue"))
    await until(lambda: lists.sandbox.effects() >= 5)
    await lists.app.agents.change("support-bot", revoke=True)
    answer = await task
    assert list(states(answer).values()).count("denied") == 1, answer["summary"]


BAD = {
    "skip_unmet": ([{**set_value("one", "a", "x"), "skip_unmet": True}], "need `for_each`"),
    "an output of an optional step": (
        [{**set_value("one", "a", "x"), "optional": True}, set_value("two", "${steps.one.outputs.is}", "x")],
        "is optional",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_means_nothing_is_refused(lists: World, name: str) -> None:
    steps, word = BAD[name]
    answer = await run(lists, steps)
    assert answer["status"] == "invalid", answer
    assert word in answer["summary"], answer
    assert lists.sandbox.writes() == 0


PLAN = """\
plan: settle_all
version: 1
title: Settle records
summary: Settle every record of a list.
use_when: a test needs it
inputs:
  names: {type: array, items: {type: string}, description: "Records."}
steps:
  - {id: each, for_each: "${inputs.names}", contract: settle_record, inputs: {record: "${item}", value: "x"}}
on_failure: undo_wave
"""


@pytest.mark.parametrize(
    ("change", "warned"), [("", True), ("skip_unmet: true, ", False), ("on_failure: continue", False)]
)
async def test_the_check_names_a_list_that_one_item_stops(lists: World, change: str, warned: bool) -> None:
    text = (
        PLAN.replace("on_failure: undo_wave", change)
        if "on_failure" in change
        else PLAN.replace("{id:", f"{{{change}id:")
    )
    folder = lists.workspace.root / "contracts"
    await asyncio.to_thread((folder / "records" / "settle_all.yaml").write_text, text)
    try:
        warnings = load_catalog(folder).warnings
    except Complaints as error:
        pytest.fail(str(error))
    assert any("stops the list `each`" in w for w in warnings) is warned
