"""A decision that is made again counts the approvals that were counted once and for all."""

from pathlib import Path

from policies.decision import Permitted
from receipts.action.action import Action
from server.execution.decisions import NO_APPROVALS, ApprovalCount
from server.execution.redecision import CountedBefore
from server.execution.resolved_action import ResolvedAction
from tests.server.engine import LEAD, PERMIT, Engine, engine


async def again(made: Engine, action: Action, approvals: ApprovalCount) -> Permitted | None:
    resolved = made.executor.resolve(action)
    assert isinstance(resolved, ResolvedAction)
    before = await made.executor.observe(resolved.permit)
    return await CountedBefore(made.executor.decisions, approvals).permit(resolved, before)


async def test_with_the_approvals_of_what_it_belongs_to_it_is_permitted(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        permitted = await again(made, made.action(), ApprovalCount({"Lead": 1}))
        assert permitted is not None
        assert permitted.need == (("Lead", 1),)


async def test_without_them_it_is_not(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        assert await again(made, made.action(), NO_APPROVALS) is None
        assert await again(made, made.action(), ApprovalCount({"Support": 5})) is None


async def test_a_record_that_is_gone_is_not_permitted(tmp_path: Path) -> None:
    async with engine(tmp_path) as made:
        action = made.action()
        assert await again(made, action, NO_APPROVALS) is not None
        made.records.clear()
        assert await again(made, action, NO_APPROVALS) is None
