"""Approved and halted at once: everybody is told so, what lifts it, and until when."""

import asyncio
from pathlib import Path

from server.operations.halts import NewHalt, halt
from tests.plans.records import run, seeded, set_value
from tests.until import until
from tests.world import MARIA, Sandbox, World, add_records, ailyus, gateway


async def test_what_is_approved_while_it_is_halted(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    await ailyus(world, "halt", "add", "contract", "reset_user_mfa", "--as", "lead", "--reason", "an incident")
    shown = await ailyus(world, "approval", "show", asked["action_id"])
    assert "the contract `reset_user_mfa` is halted by lead: an incident" in shown
    approved = await ailyus(world, "approval", "approve", asked["action_id"], "--yes", "--as", "lead")
    assert "approved, held by a halt: the contract `reset_user_mfa` is halted by lead: an incident" in approved
    held = await world.get(asked["action_id"], 0)
    assert held["status"] == "running", held
    assert "approved, and held by a halt, since a person halted it" in held["summary"]
    assert "When the halt is lifted before " in held["summary"]
    assert "an incident" not in held["summary"]
    assert world.sandbox.writes() == 0
    # the same call again is told the same
    again = await world.call("reset_user_mfa", MARIA)
    assert (again["action_id"], again["summary"]) == (asked["action_id"], held["summary"])
    await ailyus(world, "halt", "lift", "contract", "reset_user_mfa")
    assert (await world.get(asked["action_id"], 45))["status"] == "confirmed"


async def test_a_plan_that_is_held_says_so(records: World) -> None:
    seeded(records, "a", "b")
    records.sandbox.fault("slow", "records/a", "records", ms=400)
    task = asyncio.create_task(run(records, [set_value("one", "a", "x"), set_value("two", "b", "y")]))
    await until(lambda: records.sandbox.writes("records/a"))
    stop = NewHalt(scope="connection", name="records", by="lead", reason="an incident")
    await halt(records.app.runner, records.app.agents, stop)  # by no process of its own, which would come too late
    answer = await task
    for told in (answer, await records.get(answer["action_id"], 0)):
        assert told["status"] == "running", told
        assert "held by a halt, since a person halted it" in told["summary"]
        assert "goes on at the step where it stopped" in told["summary"]
    await ailyus(records, "halt", "lift", "connection", "records")
    assert (await records.get(answer["action_id"], 45))["status"] == "confirmed"


async def test_a_preview_says_what_an_approver_would_read(world: World) -> None:
    previewed = await world.call("reset_user_mfa", {**MARIA, "preview": True})
    assert previewed["status"] == "previewed", previewed
    would = previewed["would"]
    asked = await world.call("reset_user_mfa", MARIA)
    _, document = await world.app.inbox.binding(asked["action_id"], "lead", None, "approve", "")
    lines = {line.label: line.value for line in document.display.lines}
    assert would["says"] == lines["what will change"] == "Remove 2 MFA factors of maria@example.com"
    assert would["shows"] == {path: lines[path] for path in would["shows"]}
    assert "before.factors" in would["shows"]
    assert would["undo"] == lines["if wrong"]
    assert would["needs"] == "1 SecurityLead"
    # the same positive sentence that a confirmed outcome says
    assert would["checks"] == ["no factor seen before is still enrolled"]
    assert "maria@example.com" not in previewed["summary"] + previewed["next"]
    assert world.sandbox.writes() == 0


async def test_a_preview_of_a_plan_says_it_of_each_step(records: World) -> None:
    seeded(records, "a", "b")
    previewed = await run(records, [set_value("one", "a", "x"), set_value("two", "b", "y")], preview=True)
    would = previewed["would"]
    assert [(step["id"], step["tool"]) for step in would["steps"]] == [("one", "set_value"), ("two", "set_value")]
    for step in would["steps"]:
        assert {"says", "shows", "needs", "undo", "checks"} <= set(step)
        assert "takes it back" in step["undo"]
    assert would["undo"] == "what was done is undone, in reverse order"


async def test_what_changed_although_it_should_not_is_named(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    world.sandbox.fault("slow", "reset_factors", ms=600)
    await world.approve(asked["action_id"])
    await until(lambda: world.sandbox.writes("reset_factors"))
    state = world.sandbox.state()
    state["acme"]["okta"]["users"][MARIA["user_id"]]["status"] = "SUSPENDED"
    world.sandbox.put(state)
    answer = await world.get(asked["action_id"], 45)
    assert answer["status"] == "diverged", answer
    assert "This changed with it and should not have: user.status." in answer["summary"]
    assert world.proof(answer["receipt_id"]).receipt["drifted"] == ["user.status"]
    shown = await ailyus(world, "receipt", "show", answer["receipt_id"])
    assert "This changed with it and should not have: `user.status`." in shown


HEALTH = """plan: change_plan
version: 1
title: Change a subscription's plan
summary: Set the record a to the name of a plan.
use_when: a test needs an input that is called plan
inputs:
  plan: {type: string, pattern: "^[a-z]{1,20}$", description: "The plan.", examples: [gold]}
steps:
  - {id: set, contract: set_value, inputs: {record: a, value: "${inputs.plan}"}}
observe:
  record: {target: records, get: "/records/a"}
expect:
  - {that: "after.record.value == inputs.plan", else: "the record has another plan"}
on_failure: stop
escalate: records-oncall
"""


async def test_an_input_of_a_plan_may_be_called_plan(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    (workspace.root / "contracts" / "records" / "change_plan.yaml").write_text(HEALTH)
    async with gateway(workspace, sandbox) as world:
        seeded(world, "a")
        answer = await world.call("change_plan", {"plan": "gold"})
        assert answer["status"] == "confirmed", answer
        assert answer["checks"][0]["met"], answer
