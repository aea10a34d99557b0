"""One step of a plan: decided again with real values, sent once, and compared with what was approved."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.plans.run import Pause
from server.plans.stop_reason import CANCELLED, LATE
from server.plans.tally import StepEnd
from tests.server.engine import LEAD, PERMIT, Engine, engine
from tests.server.plans.runs import Parts, begun, looked, plan_action, step, values


def moved(name: str, record: str, source: str) -> dict[str, Any]:
    """A step that takes its value from an earlier one."""
    late = {"record": record, "value": f"${{steps.{source}.outputs.was}}"}
    return {"id": name, "contract": "set_value", "inputs": late}


async def test_a_step_is_sent_and_its_end_waits_for_the_next_commit(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    end = await parts.steps.take(run, 0)
    assert isinstance(end, StepEnd)
    assert (end.status, end.outputs) == ("confirmed", {"was": "old", "is": "new"})
    row = await permissive.journal.get(end.action_id)
    assert row is not None
    assert row.state == "running"
    assert list(run.touched.values()) == [permissive.records["r1"]]
    await parts.commits.commit_pending(run)
    row = await permissive.journal.get(end.action_id)
    assert row is not None
    assert row.state == "ended"
    assert row.step is not None


async def test_a_step_gets_what_an_earlier_one_gave(permissive: Engine) -> None:
    permissive.seed("r2")
    permissive.records["r1"]["value"] = "first"
    action = plan_action(permissive, step("one", "r1"), moved("two", "r2", "one"))
    parts, run = Parts(permissive), await begun(permissive, action)
    await parts.steps.take(run, 0)
    end = await parts.steps.take(run, 1)
    assert isinstance(end, StepEnd)
    assert end.status == "confirmed"
    assert values(permissive)["r2"] == "first"


async def test_without_what_an_earlier_one_was_to_give_it_is_denied(permissive: Engine) -> None:
    permissive.seed("r2")
    action = plan_action(permissive, step("one", "r1"), moved("two", "r2", "one"))
    parts, run = Parts(permissive), await begun(permissive, action)
    end = await parts.steps.take(run, 1)
    assert isinstance(end, StepEnd)
    assert (end.status, end.final) == ("denied", False)
    assert permissive.writes() == []


async def test_an_agent_that_is_gone_takes_no_step_and_nothing_else_goes_on(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    permissive.registered = False
    end = await parts.steps.take(run, 0)
    assert isinstance(end, StepEnd)
    assert (end.status, end.final) == ("denied", True)
    assert permissive.writes() == []


async def test_a_row_that_claims_approvals_is_not_believed(tmp_path: Path) -> None:
    """A plan's row does not say who approved it: the signed statements do."""
    async with engine(tmp_path, PERMIT, LEAD) as made:
        parts, run = Parts(made), await begun(made, plan_action(made, step("one", "r1")), roles={"Lead": 1})
        end = await parts.steps.take(run, 0)
        assert isinstance(end, StepEnd)
        assert (end.status, end.final) == ("denied", True)
        assert made.writes() == []


async def test_a_halt_makes_it_wait_at_its_border(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    await permissive.halt("contract", "set_value")
    pause = await parts.steps.take(run, 0)
    assert isinstance(pause, Pause)
    assert pause.position == 0
    assert pause.halt == permissive.journal.controls.halts[0].id
    assert run.finished == {}


async def test_what_changed_since_it_was_approved_is_not_sent(permissive: Engine) -> None:
    action = plan_action(permissive, step("one", "r1"))
    pins = (await looked(permissive, action)).pins
    parts, run = Parts(permissive), await begun(permissive, action, pinned=pins)
    permissive.records["r1"]["version"] = "9"
    end = await parts.steps.take(run, 0)
    assert isinstance(end, StepEnd)
    assert end.status == "denied"
    assert permissive.writes() == []


async def test_what_an_earlier_step_changed_is_no_drift(permissive: Engine) -> None:
    action = plan_action(permissive, step("one", "r1", "x"), step("two", "r1", "y"))
    pins = (await looked(permissive, action)).pins
    parts, run = Parts(permissive), await begun(permissive, action, pinned=pins)
    for position in (0, 1):
        end = await parts.steps.take(run, position)
        assert isinstance(end, StepEnd)
        assert end.status == "confirmed"
    assert values(permissive)["r1"] == "y"


async def test_what_already_is_so_is_not_sent(permissive: Engine) -> None:
    permissive.records["r1"]["value"] = "new"
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    end = await parts.steps.take(run, 0)
    assert isinstance(end, StepEnd)
    assert end.state == "already_so"
    assert permissive.writes() == []
    assert run.touched == {}


async def test_the_step_that_was_out_when_its_process_died_is_read_back(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    end = await parts.steps.take(run, 0)
    assert isinstance(end, StepEnd)
    await permissive.journal.end_leases()  # the process is gone, and so is what it kept for the next commit
    fence = await parts.commits.rows.take_plan(run.action)
    (out,) = await permissive.journal.steps(run.action.id)
    run = replace_run(run, fence)
    await parts.steps.finish_open(run, out)
    assert run.finished[0].status == "confirmed"
    assert run.open is None
    assert len(permissive.writes()) == 1
    row = await permissive.journal.get(out.id)
    assert row is not None
    assert row.state == "ended"


def replace_run(run: Any, fence: int) -> Any:
    """The same plan in another process, which took it over under this fence."""
    return replace(run, action=replace(run.action, fence=fence), finished={}, pending=[], ended=[], place=None)


@pytest.mark.parametrize("reason", [CANCELLED, LATE])
async def test_a_plan_stops_at_a_border_when_it_is_cancelled_or_late(permissive: Engine, reason: object) -> None:
    long_ago = {"started_ms": 1} if reason is LATE else {}
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")), **long_ago)
    if reason is CANCELLED:
        assert await parts.steps.stop_requested(run) is None
        await parts.commits.rows.wish_end(run.action.id)
    assert await parts.steps.stop_requested(run) is reason
