"""Plans from the call to the end: decided whole, approved once, gone on with after a halt or a crash."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.action.action import Action
from server.plans.runner import Plans
from tests.server.engine import LEAD, PERMIT, Engine, engine
from tests.server.plans.runs import Parts, begun, plan_action, step, values


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        made.seed("r2")
        yield made


def plans(made: Engine) -> Plans:
    """As another process has them: nothing of a plan is known but what stands in the store."""
    return Plans(made.executor)


async def row_of(made: Engine, action_id: str | None) -> Action:
    row = await made.journal.get(str(action_id))
    assert row is not None
    return row


async def test_a_permitted_plan_runs_to_its_end(permissive: Engine) -> None:
    permissive.seed("r2")
    answer = await plans(permissive).perform(plan_action(permissive, step("one", "r1"), step("two", "r2")))
    assert answer.status == "confirmed"
    assert values(permissive) == {"r1": "new", "r2": "new"}


async def test_people_are_asked_once_and_their_approval_lets_every_step_go(guarded: Engine) -> None:
    action = plan_action(guarded, step("one", "r1"), step("two", "r2"))
    asked = await plans(guarded).perform(action)
    assert asked.status == "approval_required"
    assert await guarded.inbox.decide(await guarded.signed(action.id)) == "ready"
    answer = await plans(guarded).perform(await row_of(guarded, action.id))
    assert answer.status == "confirmed"
    assert values(guarded) == {"r1": "new", "r2": "new"}


async def test_a_record_that_moved_on_takes_the_approval_away(guarded: Engine) -> None:
    action = plan_action(guarded, step("one", "r1"))
    await plans(guarded).perform(action)
    await guarded.inbox.decide(await guarded.signed(action.id))
    guarded.records["r1"]["version"] = "9"
    answer = await plans(guarded).perform(await row_of(guarded, action.id))
    assert answer.status == "denied"
    assert answer.error is not None
    assert answer.error.code == "state_changed"
    assert guarded.writes() == []


async def test_an_agent_that_may_only_look_gets_a_preview(permissive: Engine) -> None:
    action = plan_action(permissive, step("one", "r1"))
    looks = replace(action, caller=replace(action.caller, observe_only=True))
    assert (await plans(permissive).perform(looks)).status == "previewed"
    assert permissive.writes() == []


async def test_a_new_plan_that_is_halted_is_denied_and_an_old_one_waits(guarded: Engine) -> None:
    action = plan_action(guarded, step("one", "r1"))
    await plans(guarded).perform(action)
    await guarded.inbox.decide(await guarded.signed(action.id))
    await guarded.halt("contract", "set_value")
    new = plan_action(guarded, step("one", "r1", "other"))
    denied = await plans(guarded).perform(new)
    assert denied.error is not None
    assert denied.error.code == "halted"
    held = await plans(guarded).perform(await row_of(guarded, action.id))
    assert held.status == "running"
    row = await row_of(guarded, action.id)
    assert row.state == "ready"
    assert plans(guarded).is_halted(row)
    halt = plans(guarded).halt_of(row)
    assert halt is not None
    assert halt.name == "set_value"
    assert "held by a halt" in (await plans(guarded).progress(row)).summary


async def test_after_a_halt_it_goes_on_where_it_stopped(guarded: Engine) -> None:
    action = plan_action(guarded, step("one", "r1"))
    await plans(guarded).perform(action)
    await guarded.inbox.decide(await guarded.signed(action.id))
    await guarded.halt("contract", "set_value")
    await plans(guarded).perform(await row_of(guarded, action.id))
    await guarded.lift("contract", "set_value")
    row = await row_of(guarded, action.id)
    assert not plans(guarded).is_halted(row)
    assert (await plans(guarded).perform(row)).status == "confirmed"


async def test_a_plan_whose_process_died_is_gone_on_with(permissive: Engine) -> None:
    permissive.seed("r2")
    action = plan_action(permissive, step("one", "r1"), step("two", "r2"))
    run = await begun(permissive, action)
    await Parts(permissive).steps.take(run, 0)  # its end was not committed
    await permissive.journal.end_leases()
    answer = await plans(permissive).recover(await row_of(permissive, action.id))
    assert answer.status == "confirmed"
    assert permissive.writes() == ["PUT /records/r1", "PUT /records/r2"]


async def test_a_plan_that_is_none_of_the_release_any_more_is_ended_as_it_is(permissive: Engine) -> None:
    action = plan_action(permissive, step("one", "r1"))
    run = await begun(permissive, action)
    parts = Parts(permissive)
    await parts.steps.take(run, 0)
    await parts.commits.commit_pending(run)
    await permissive.journal.end_leases()
    answer = await plans(permissive).abandon(await row_of(permissive, action.id))
    assert answer.status == "partial"
    assert "the contracts or connections of the plan changed meanwhile" in answer.summary
    assert answer.escalated_to == "records-oncall"
    assert values(permissive)["r1"] == "new"


@pytest.mark.parametrize(
    ("trouble", "code"), [("gone", "state_changed"), ("down", "unavailable"), ("other", "policy_changed")]
)
async def test_whoever_is_about_to_sign_is_told_what_changed(guarded: Engine, trouble: str, code: str) -> None:
    action = plan_action(guarded, step("one", "r1"))
    await plans(guarded).perform(action)
    row = await row_of(guarded, action.id)
    assert (await plans(guarded).looked_again(row)).asked.subject.action_id == action.id
    if trouble == "gone":
        guarded.records.clear()
    elif trouble == "down":
        guarded.fault("503", reads=True, times=9)
    else:
        row = replace(row, request=replace(row.request, target_digest="0" * 64))
    with pytest.raises(AilyusError) as fault:
        await plans(guarded).looked_again(row)
    assert fault.value.code == code


async def test_only_a_plan_that_ended_unknown_is_looked_at_again(permissive: Engine) -> None:
    answer = await plans(permissive).perform(plan_action(permissive, step("one", "r1")))
    assert await plans(permissive).look_again(str(answer.action_id)) == "confirmed"
    assert await plans(permissive).look_again("act_none") == "unknown"
