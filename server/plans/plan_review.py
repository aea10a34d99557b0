"""The review of a plan: what people would be asked about it now, the request to them, and the preview of it."""

from dataclasses import replace

from contracts.canonical import digest, new_id
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.result_parts import Would, WouldStep
from receipts.statement.action_facts import DecisionFacts
from receipts.statement.plan_facts import PlanRef
from server.execution.approval_request import ApprovalRequest, ApprovalReview, needs_of, subject_of, value_digest
from server.execution.evidence import seen
from server.execution.executor import ActionExecutor
from server.plans import plan_results
from server.plans.plan_document import display_of, told_of_plan, undo_of_plan
from server.plans.preflight import PlanPreflight
from server.plans.progress import Progress
from server.results.description import apart_shown, needed, would


class PlanReviews:
    """Reviews plans under one live release, each as a whole."""

    def __init__(self, executor: ActionExecutor) -> None:
        self._executor = executor

    def review(self, action: Action, looked: PlanPreflight) -> ApprovalReview:
        """What people would be asked now, and everything that their word is compared with."""
        release = self._executor.release
        display = display_of(action, looked)
        bundle = release.decider.bundle
        slices = sorted({p.request.contract: bundle.slices[p.request.contract].digest for p in looked.parts}.items())
        pins = {key: digest(values) for key, values in looked.pins.items()}
        pins |= {f"left out {key}": value_digest(reason) for key, reason in looked.left_out.items()}
        subject = subject_of(
            release,
            action,
            routes=("plan",),
            resource_type="Plan",
            resource_id=looked.planned.program.name,
            slice_digest=digest([list(s) for s in slices]),
            needs=looked.needs,
            pinned=pins,
            display_digest=display.digest,
            plan_digest=digest(
                [
                    [look.part.request.action_digest, look.undo_part.request.action_digest if look.undo_part else None]
                    for look in looked.looks
                ]
            ),
        )
        return ApprovalReview(
            ApprovalRequest(subject=subject, display=display, expires_ms=action.expires_ms), looked.parts
        )

    async def ask(self, action: Action, looked: PlanPreflight) -> ActionResult:
        """One request to people for the whole plan."""
        executor, receipt = self._executor, new_id("rcp")
        expires = executor.now() + looked.planned.program.plan.approval_valid
        action = replace(action, expires_ms=expires, plan=Progress().packed)
        asked = self.review(action, looked).asked
        if not asked.display.fits:
            raise AilyusError("too_large", "what is to be approved is too long to be shown whole")
        document = asked.model_dump_json().encode()
        facts = DecisionFacts(
            needs=needs_of(looked.needs),
            display=asked.display.digest,
            plan_of=PlanRef(name=looked.planned.program.name, units=len(looked.planned.units)),
            called_ms=action.created_ms,
            expires_ms=action.expires_ms,
        )
        about = executor.statements.about(action)
        sealed = executor.statements.seal(facts, receipt, about, "approval_required", False, {"asked": document})
        answer = plan_results.waiting(action, receipt, looked.needs, action.expires_ms, looked.tally)
        await executor.journal.request_approval(action, sealed, document, answer, action.expires_ms)
        return answer

    async def preview(self, action: Action, looked: PlanPreflight) -> ActionResult:
        """Decided and looked at; nothing is sent."""
        executor, receipt = self._executor, new_id("rcp")
        answer = plan_results.previewed(action, receipt, looked.needs, looked.tally, self._would(action, looked))
        facts = DecisionFacts(
            needs=needs_of(looked.needs),
            plan_of=PlanRef(name=looked.planned.program.name, units=len(looked.planned.units)),
            before={look.unit.key: seen(look.before) for look in looked.looks},
            called_ms=action.created_ms,
            answer=answer.digest,
        )
        sealed = executor.statements.seal(facts, receipt, executor.statements.about(action), "previewed", False, {})
        await executor.journal.end_unsent(action, sealed, "previewed", answer, 0)
        return answer

    def _would(self, action: Action, looked: PlanPreflight) -> Would:
        """What the plan would do, in the words that an approver would read."""
        plan, steps = looked.planned.program.plan, list[WouldStep]()
        for look in looked.looks:
            said = would(look.resolved.program, look.resolved.scope(look.before), look.part.needs, look.undo)
            step = WouldStep(
                id=look.unit.key,
                tool=look.unit.contract,
                says=said.says,
                shows=said.shows,
                needs=said.needs,
                undo=said.undo,
                checks=said.checks,
            )
            steps.append(step)
        says, apart = told_of_plan(action, looked)
        return Would(
            says=says,
            shows=apart_shown(apart) or None,
            needs=needed(looked.needs),
            undo=undo_of_plan(plan),
            checks=tuple(check.said for check in looked.planned.program.expect),
            steps=tuple(steps),
        )
