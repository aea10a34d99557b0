"""The review of one action: what people would be asked about it now, and whether their approvals still let it go."""

from dataclasses import replace

from contracts.action.observation import Observation
from contracts.canonical import new_id
from policies.decision import ApprovalRequired, Permitted
from receipts.action.action_result import ActionResult
from receipts.statement.action_facts import DecisionFacts
from receipts.statement.decision_record import decision_evidence, decision_facts
from server.execution.approval_request import (
    ApprovalReview,
    ReviewedRequest,
    build_approval_request,
    needs_of,
    valid_approvals,
)
from server.execution.evidence import kept, readings, seen
from server.execution.executor import ActionExecutor
from server.execution.resolved_action import ResolvedAction
from server.execution.undo import undo_line
from server.results import answers


class ActionReviews:
    """Reviews single actions under one release. Plans are reviewed as a whole by `Preflight`."""

    def __init__(self, executor: ActionExecutor) -> None:
        self._executor = executor

    async def review(self, resolved: ResolvedAction, before: Observation, required: ApprovalRequired) -> ApprovalReview:
        """What would be asked of people now, and what their word is compared with."""
        executor = self._executor
        context = await executor.decisions.context(resolved.action, required.facts)
        undo = undo_line(executor, resolved, before)
        asked = build_approval_request(executor.release, resolved, before, required, undo, executor.journal.hiding)
        return ApprovalReview(asked, (ReviewedRequest(resolved.request, required.facts, context, required.needs),))

    async def ask(
        self, resolved: ResolvedAction, before: Observation, required: ApprovalRequired, review: ApprovalReview
    ) -> ActionResult:
        """Ask people once: the action waits, and its agent is told for whom."""
        executor, program, receipt = self._executor, resolved.program, new_id("rcp")
        action = replace(resolved.action, expires_ms=executor.now() + program.contract.approval_valid)
        asked = review.asked.model_copy(update={"expires_ms": action.expires_ms})
        facts = DecisionFacts(
            decision=decision_facts(required.record),
            needs=needs_of(required.needs),
            display=asked.display.digest,
            before=seen(before),
            called_ms=action.created_ms,
            expires_ms=action.expires_ms,
        )
        recorded = kept(program, before, executor.journal.hiding)
        evidence = readings("before", recorded) | decision_evidence(required.record)
        evidence["asked"] = document = asked.model_dump_json().encode()
        about = executor.statements.about(action, required.facts)
        sealed = executor.statements.seal(facts, receipt, about, "approval_required", False, evidence)
        answer = answers.waiting(action, receipt, required.needs, action.expires_ms)
        await executor.journal.request_approval(action, sealed, document, answer, action.expires_ms)
        return answer

    async def permit(self, resolved: ResolvedAction, before: Observation, moved: bool = False) -> Permitted | None:
        """INVARIANT 3: directly before a further send, on live attributes, with the approvals that this action used.

        An approval names the state that it is about: where the record has moved, those of before do not count.
        """
        executor = self._executor
        decision = await executor.decisions.decide(resolved, before)
        if isinstance(decision, ApprovalRequired):
            review = await self.review(resolved, before, decision)
            used = await valid_approvals(executor.release, executor.journal, resolved.action, review, include_used=True)
            decision = await executor.decisions.decide(resolved, before, used.count)
        return decision if isinstance(decision, Permitted) else None
