"""The review of a plan: one request to people for the whole, bound to every step and its undo."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.approval import subject_change
from receipts.action.action import Action
from server.execution.approval_request import ApprovalRequest, ApprovalReview
from server.plans.plan_review import PlanReviews
from server.plans.progress import Progress
from tests.server.engine import LEAD, PERMIT, Engine, engine
from tests.server.plans.runs import looked, plan_action, step


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        made.seed("r2")
        yield made


async def review(made: Engine, action: Action) -> ApprovalReview:
    return PlanReviews(made.executor).review(action, await looked(made, action))


async def test_an_approval_is_bound_to_every_step_and_to_its_undo(guarded: Engine) -> None:
    action = plan_action(guarded, step("one", "r1"), step("two", "r2"))
    subject = (await review(guarded, action)).asked.subject
    assert (subject.resource_type, subject.resource_id, subject.routes) == ("Plan", "run_plan", ("plan",))
    assert set(subject.pinned) == {"one", "two"}
    assert subject.needs == ((("Lead", 1),),)
    guarded.records["r2"]["value"] = "theirs"  # another undo: it would put `theirs` back
    later = (await review(guarded, action)).asked.subject
    assert subject.plan_digest != later.plan_digest
    assert subject_change(subject, later) == "params_changed"


async def test_a_record_that_moved_on_is_another_state(guarded: Engine) -> None:
    action = plan_action(guarded, step("one", "r1"))
    subject = (await review(guarded, action)).asked.subject
    guarded.records["r1"]["version"] = "9"
    later = (await review(guarded, action)).asked.subject
    assert subject_change(subject, later) == "state_changed"


async def test_what_is_left_out_is_a_part_of_what_is_approved(guarded: Engine) -> None:
    each = {**step("each", "${item}"), "for_each": ["r1", "nobody"], "skip_missing": True}
    subject = (await review(guarded, plan_action(guarded, each))).asked.subject
    assert set(subject.pinned) == {"each[0]", "left out each[1]"}


async def test_people_are_asked_once_for_the_whole(guarded: Engine) -> None:
    action = plan_action(guarded, step("one", "r1"), step("two", "r2"))
    answer = await PlanReviews(guarded.executor).ask(action, await looked(guarded, action))
    assert answer.status == "approval_required"
    row = await guarded.journal.get(action.id)
    assert row is not None
    assert row.asked is not None
    asked = ApprovalRequest.model_validate_json(row.asked)
    assert asked.expires_ms == row.expires_ms
    assert row.plan == Progress().packed  # by which the store knows a plan
    assert [one.id for one in await guarded.journal.waiting()] == [action.id]
    assert guarded.writes() == []


async def test_what_cannot_be_shown_whole_is_not_asked(guarded: Engine) -> None:
    guarded.records["r1"]["value"] = "x" * 2_001
    action = plan_action(guarded, {**step("one", "r1"), "contract": "put_record"})
    found = await looked(guarded, action)
    with pytest.raises(AilyusError, match="too long to be shown whole") as fault:
        await PlanReviews(guarded.executor).ask(action, found)
    assert fault.value.code == "too_large"
    assert await guarded.journal.get(action.id) is None


async def test_a_preview_says_every_step_and_sends_nothing(guarded: Engine) -> None:
    action = plan_action(guarded, step("one", "r1"), step("two", "r2"))
    answer = await PlanReviews(guarded.executor).preview(action, await looked(guarded, action))
    assert (answer.status, answer.changed) == ("previewed", False)
    assert answer.would is not None
    assert answer.would.needs == "1 Lead"
    assert [(one.id, one.says) for one in answer.would.steps or ()] == [
        ("one", "Set the record r1 from old"),
        ("two", "Set the record r2 from old"),
    ]
    row = await guarded.journal.get(action.id)
    assert row is not None
    assert (row.state, row.status) == ("ended", "previewed")
    assert guarded.writes() == []
