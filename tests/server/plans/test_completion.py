"""How a plan ends: as expected, stopped and undone, or waiting at a border; whatever is done or not is named."""

from pathlib import Path

import pytest

from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from server.plans.completion import PlanVerdict
from server.plans.run import Pause, Run
from server.plans.stop_reason import CANCELLED, StopReason
from server.plans.tally import StepEnd
from tests.server.engine import Engine, engine
from tests.server.plans.runs import Parts, begun, both, plan_action, step, values, watched

LATE = StopReason("it was late")


async def taken(parts: Parts, run: Run) -> Run:
    for position in range(len(run.planned.units)):
        assert isinstance(await parts.steps.take(run, position), StepEnd)
    return run


async def row_of(made: Engine, run: Run) -> Action:
    row = await made.journal.get(run.action.id)
    assert row is not None
    return row


async def completed(made: Engine, value: str, **keys: str) -> tuple[ActionResult, Action]:
    """The end of a plan that watches a record, which has this value in the end."""
    parts, run = Parts(made), await begun(made, both(made))
    health = await parts.health.read(run.planned)
    await taken(parts, run)
    made.records["watched"]["value"] = value
    return await parts.completion.complete(run, health), await row_of(made, run)


async def test_the_expectations_of_the_whole_decide(tmp_path: Path) -> None:
    async with engine(tmp_path, contracts=watched(tmp_path / "contracts")) as made:
        answer, row = await completed(made, "fine")
        assert (answer.status, row.state, row.status) == ("confirmed", "ended", "confirmed")
        assert answer.checks is not None
        assert [check.met for check in answer.checks] == [True]
        assert row.held_until_ms > made.executor.now()
        assert await made.rows("SELECT count(*) FROM escalations") == [(0,)]


async def test_a_whole_that_is_not_as_expected_calls_a_person(tmp_path: Path) -> None:
    async with engine(tmp_path, contracts=watched(tmp_path / "contracts")) as made:
        answer, row = await completed(made, "broken")
        assert (answer.status, row.status, answer.escalated_to) == ("diverged", "diverged", "records-oncall")
        assert "every step is confirmed, but the whole is not as expected" in answer.summary
        assert await made.rows("SELECT route FROM escalations") == [("records-oncall",)]


async def test_a_whole_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    async with engine(tmp_path, contracts=watched(tmp_path / "contracts")) as made:
        parts, run = Parts(made), await begun(made, both(made))
        health = await parts.health.read(run.planned)
        await taken(parts, run)
        made.fault("503", "watched", reads=True, times=99)
        answer = await parts.completion.complete(run, health)
        assert answer.status == "unknown"


async def test_a_plan_that_stops_undoes_and_says_why_before_it_does(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    await taken(parts, run)
    answer = await parts.completion.stop(run, LATE)
    assert isinstance(answer, ActionResult)
    assert answer.status == "compensated"
    assert "It stopped: it was late." in answer.summary
    assert values(permissive)["r1"] == "old"
    row = await row_of(permissive, run)
    assert row.held_until_ms == 0  # calling it again begins it anew
    assert row.plan is not None
    assert b"it was late" in row.plan


@pytest.mark.parametrize(
    ("on_failure", "reason", "status"), [("stop", LATE, "partial"), ("undo", CANCELLED, "partial")]
)
async def test_nothing_is_undone_where_the_author_or_who_cancelled_did_not_ask_for_it(
    permissive: Engine, on_failure: str, reason: StopReason, status: str
) -> None:
    action = plan_action(permissive, step("one", "r1"), on_failure=on_failure)
    parts, run = Parts(permissive), await begun(permissive, action)
    await taken(parts, run)
    answer = await parts.completion.fail(run, reason)
    assert isinstance(answer, ActionResult)
    assert (answer.status, values(permissive)["r1"]) == (status, "new")
    told = None if reason is CANCELLED else "records-oncall"
    assert answer.escalated_to == told


async def test_a_halted_plan_is_ready_again_and_begins_at_the_same_step(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    await permissive.halt("connection", "records")
    halt = permissive.journal.controls.halts[0]
    answer = await parts.completion.pause(run, Pause(halt.id, 0))
    assert answer.status == "running"
    assert "since a person halted it" in answer.summary
    row = await row_of(permissive, run)
    assert (row.state, run.progress.paused_at, run.progress.halt) == ("ready", 0, halt.id)


async def test_an_end_names_its_steps_in_its_statement(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    await taken(parts, run)
    answer = await parts.completion.close(run, PlanVerdict("confirmed"))
    assert [(one.id, one.state) for one in answer.steps or ()] == [("one", "done")]
    (kinds,) = await permissive.rows(
        "SELECT kind, status FROM statements WHERE action_id = ? ORDER BY leaf_index DESC LIMIT 1", run.action.id
    )
    assert tuple(kinds) == ("outcome", "confirmed")


@pytest.mark.parametrize("found", ["confirmed", "unknown"])
async def test_what_was_unknown_is_said_anew_once_its_steps_are_known(permissive: Engine, found: str) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    await taken(parts, run)
    first = await parts.completion.close(run, PlanVerdict("unknown", StopReason("a step was in doubt")))
    assert first.escalated_to == "records-oncall"
    row = await row_of(permissive, run)
    later = Run(row, run.planned, run.progress, [])
    later.finished[0] = StepEnd("one", "confirmed" if found == "confirmed" else "unknown", "act", "rcp", {}, True)
    assert await parts.completion.restate(later) == found
    assert (await row_of(permissive, run)).status == found
    kinds = await permissive.rows("SELECT kind FROM statements WHERE action_id = ?", run.action.id)
    assert sorted(str(kind) for (kind,) in kinds) == (["outcome", "recheck"] if found == "confirmed" else ["outcome"])
