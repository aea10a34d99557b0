"""A single action asks people once, is compared with what they would be asked now, and goes again only as permitted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from policies.decision import ApprovalRequired, Permitted
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from server.execution.action_review import ActionReviews
from server.execution.approval_request import ApprovalRequest
from server.execution.resolved_action import ResolvedAction
from tests.server.engine import LEAD, PERMIT, Engine, engine


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        yield made


async def asked(made: Engine) -> ActionResult:
    """The answer of a call that people are asked about."""
    answer = await made.live.pipeline.act(made.action())
    assert answer.status == "approval_required"
    return answer


async def row_of(made: Engine, answer: ActionResult) -> Action:
    action = await made.journal.get(str(answer.action_id))
    assert action is not None
    return action


async def permitted(made: Engine, action: Action) -> Permitted | None:
    resolved = made.executor.resolve(action)
    assert isinstance(resolved, ResolvedAction)
    return await ActionReviews(made.executor).permit(resolved, await made.executor.observe(resolved.permit))


async def test_what_is_reviewed_is_what_was_asked(guarded: Engine) -> None:
    action = guarded.action()
    resolved = guarded.executor.resolve(action)
    assert isinstance(resolved, ResolvedAction)
    before = await guarded.executor.observe(resolved.permit)
    required = await guarded.executor.decisions.decide(resolved, before)
    assert isinstance(required, ApprovalRequired)
    review = await ActionReviews(guarded.executor).review(resolved, before, required)
    assert review.asked.subject.action_digest == action.request.action_digest
    (part,) = review.parts
    assert (part.request, part.needs) == (action.request, ((("Lead", 1),),))
    (undo,) = (line.value for line in review.asked.display.lines if line.label == "if wrong")
    assert undo == 'set_value takes it back: {"record":"r1","value":"old"}'


async def test_a_request_is_stored_with_its_time_and_nothing_is_sent(guarded: Engine) -> None:
    answer = await asked(guarded)
    row = await row_of(guarded, answer)
    program = guarded.release.catalog.programs["set_value"]
    assert row.state == "waiting"
    assert row.asked is not None
    stored = ApprovalRequest.model_validate_json(row.asked)
    assert stored.expires_ms == row.expires_ms
    assert abs(row.expires_ms - row.created_ms - program.contract.approval_valid) < 60_000
    assert guarded.writes() == []


async def test_an_approved_action_is_permitted_again_with_the_approval_that_it_used(guarded: Engine) -> None:
    answer = await asked(guarded)
    assert await permitted(guarded, await row_of(guarded, answer)) is None
    await guarded.inbox.decide(await guarded.signed(str(answer.action_id)))
    action = await row_of(guarded, answer)
    await guarded.sent(action)  # its commit uses the approval up
    guarded.records["r1"] |= {"value": "old", "version": "1"}
    again = await permitted(guarded, await row_of(guarded, answer))
    assert isinstance(again, Permitted)
    assert again.need == (("Lead", 1),)


async def test_a_record_that_changed_is_not_what_was_approved(guarded: Engine) -> None:
    answer = await asked(guarded)
    await guarded.inbox.decide(await guarded.signed(str(answer.action_id)))
    guarded.records["r1"]["value"] = "theirs"
    assert await permitted(guarded, await row_of(guarded, answer)) is None
