"""Ends that send nothing: a read, a preview, denied, unavailable, already so, or a condition that does not hold.

`UnsentEnds` builds each as a `PendingEnd`: the answer, the signed statement, and the transition. Whoever called commits
it. `require` is looked at first: that it already is so is said only of what the contract allows and policies permit.
"""

from dataclasses import replace

import structlog

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from contracts.canonical import new_id
from contracts.compiler.expressions import Fault
from policies.decision import ApprovalRequired, DecisionRecord, Denied, Permitted, ResourceFacts, Unavailable
from policies.release import Release
from receipts.action.action import Action
from receipts.action.status import Status
from receipts.journal.journal import Journal
from receipts.reconciliation.checks import checks_of, stated
from receipts.reconciliation.outputs import outputs_of
from receipts.reconciliation.reconciliation import already_so
from receipts.statement.action_facts import DecisionFacts, OutcomeFacts
from receipts.statement.decision_record import decision_evidence, decision_facts
from server.execution.approval_request import needs_of
from server.execution.attempt import PendingEnd
from server.execution.evidence import kept, readings, seen
from server.execution.resolved_action import ResolvedAction, base_scope
from server.execution.statements import ActionStatements
from server.results import answers
from server.results.action_sentence import plan_sentence, sentence_of

log = structlog.get_logger()


class UnsentEnds:
    """Builds the ends of actions of which not one byte is sent."""

    def __init__(self, journal: Journal, release: Release, statements: ActionStatements) -> None:
        self._journal = journal
        self._release = release
        self._statements = statements

    def end_without_sending(
        self,
        resolved: ResolvedAction,
        before: Observation,
        facts: ResourceFacts,
        record: DecisionRecord,
        permitted: bool = True,
    ) -> PendingEnd | None:
        """A false `require`, or already so: nothing to send. `permitted`: nobody's approval is missing."""
        action, program = resolved.action, resolved.program
        # INVARIANT: `require` comes first, and that it already is so is said only of what was permitted
        required = checks_of(program.require, resolved.scope(before), before.cut("before"))
        unmet = next((c for c in required if not c.met), None)
        # guard: require comes first
        checks = already_so(program, resolved.base, before) if unmet is None and permitted else None
        if checks is None and unmet is None:
            return None
        receipt = new_id("rcp")
        status: Status = "confirmed" if checks is not None else "not_applied"
        answer = (
            answers.already(action, receipt, checks) if checks is not None else answers.unmet(action, receipt, unmet)
        )
        judged = {"checks": stated(checks)} if checks is not None else {"required": stated(required)}
        outcome = OutcomeFacts(
            decision=decision_facts(record),
            attempts=(),
            before=seen(before),
            called_ms=action.created_ms,
            answer=answer.digest,
        ).also(judged)
        recorded = kept(program, before, self._journal.hiding)
        evidence = readings("before", recorded) | decision_evidence(record)
        about = self._statements.about(action, facts)
        sealed = self._statements.seal(outcome, receipt, about, status, False, evidence)
        # what was confirmed is held, so that the same call finds it; what was unmet may be asked for anew at once
        held = self._now() + program.contract.repeat_window if status == "confirmed" else 0
        work = self._journal.end_unsent_work(action, sealed, status, answer, held)
        return PendingEnd(action, status, answer, work, unsent=True, because=unmet.that if unmet else "")

    def deny(self, action: Action, denied: Denied, code: str | None = None) -> PendingEnd:
        """Policy says no, or it can no longer be established; a system that cannot be asked is told as that."""
        action = self._told(action)
        if isinstance(denied, Unavailable):
            return self._unavailable(action, denied)
        receipt = new_id("rcp")
        facts = DecisionFacts(decision=decision_facts(denied.record), code=code, called_ms=action.created_ms)
        # guard: an agent is not told why
        answer = answers.denied(action, receipt, code if code in answers.DRIFT else None)
        facts = facts.also({"answer": answer.digest})  # guard: a denial says its answer
        evidence = decision_evidence(denied.record) | {"why": denied.reason.encode()}
        sealed = self._statements.seal(facts, receipt, self._statements.about(action), "denied", False, evidence)
        # a denial is held, so that repeating it asks nobody again; a drift is not, so that it can be asked anew
        held = 0 if code else self._now() + self.held_ms(action.request)
        work = self._journal.end_unsent_work(action, sealed, "denied", answer, held)
        return PendingEnd(action, "denied", answer, work, unsent=True)

    def _unavailable(self, action: Action, why: Unavailable) -> PendingEnd:
        """A system could not be asked, so nothing was sent: no refusal, not held, and the operator is told."""
        receipt = new_id("rcp")
        connection = why.connection or action.request.connection
        log.warning(
            "unavailable",  # guard: an outage is logged
            connection=connection,
            outage=why.outage,
            contract=action.request.contract,
            action=action.id,
        )
        target = self._release.targets.get(connection)
        client = target.oauth2 if target is not None else None
        # what is missing of an account that all use is the operator's business, and not told
        is_own = client is not None and client.per_person and why.outage == "not_connected"
        if client is not None and client.is_exchanged and is_own:
            answer = answers.unexchanged(action, receipt, connection)
        elif is_own:
            answer = answers.unconnected(action, receipt, connection)
        elif why.outage == "not_cosigned":
            answer = answers.uncosigned(action, receipt)
        else:
            answer = answers.unavailable(action, receipt)
        facts = DecisionFacts(
            decision=decision_facts(why.record),
            code=why.outage,
            unavailable=connection,
            called_ms=action.created_ms,
            answer=answer.digest,
        )
        evidence = decision_evidence(why.record) | {"why": why.reason.encode()}
        sealed = self._statements.seal(facts, receipt, self._statements.about(action), "unavailable", False, evidence)
        work = self._journal.end_unsent_work(action, sealed, "unavailable", answer, 0)
        return PendingEnd(action, "unavailable", answer, work, unsent=True)

    def preview(
        self, resolved: ResolvedAction, before: Observation, decision: Permitted | ApprovalRequired, undo: str
    ) -> PendingEnd:
        """Decided and looked at: what would be sent is told and not sent. `undo` says how it would be taken back."""
        action, program, receipt = resolved.action, resolved.program, new_id("rcp")
        needs = decision.needs if isinstance(decision, ApprovalRequired) else ()
        answer = answers.previewed(action, receipt, needs, program, resolved.scope(before), undo)
        facts = DecisionFacts(
            decision=decision_facts(decision.record),
            attempts=(),
            before=seen(before),
            called_ms=action.created_ms,
            needs=needs_of(needs),
            answer=answer.digest,
        )
        evidence = readings("before", kept(program, before, self._journal.hiding)) | decision_evidence(decision.record)
        about = self._statements.about(action, decision.facts)
        sealed = self._statements.seal(facts, receipt, about, "previewed", False, evidence)
        # an agent that may only look is told the same again; a preview that was asked for is made anew each time
        held = 0 if action.preview else self._now() + program.contract.repeat_window
        work = self._journal.end_unsent_work(action, sealed, "previewed", answer, held)
        return PendingEnd(action, "previewed", answer, work, unsent=True)

    def read(self, resolved: ResolvedAction, before: Observation, permitted: Permitted) -> PendingEnd | Fault:
        """A contract that only reads ends here, with what it gives back; `Fault` where an output cannot be filled."""
        action, receipt = resolved.action, new_id("rcp")
        outputs = outputs_of(resolved.program, resolved.scope(before))
        if isinstance(outputs, Fault):
            return outputs
        answer = answers.read(action, receipt, outputs, before.at_ms)
        facts = OutcomeFacts(
            decision=decision_facts(permitted.record),
            observer=before.channel,
            before=seen(before),
            answer=answer.digest,
            called_ms=action.created_ms,
        )
        recorded = kept(resolved.program, before, self._journal.hiding)
        evidence = readings("before", recorded) | decision_evidence(permitted.record)
        about = self._statements.about(action, permitted.facts)
        sealed = self._statements.seal(facts, receipt, about, "confirmed", False, evidence)
        work = self._journal.end_unsent_work(action, sealed, "confirmed", answer, 0)
        return PendingEnd(action, "confirmed", answer, work, unsent=True)

    def _told(self, action: Action) -> Action:
        """The action with a sentence, where it ends before its record was read: what it is called, and about what."""
        request, catalog = action.request, self._release.catalog
        program, plan = catalog.programs.get(request.contract), catalog.plans.get(request.contract)
        if action.sentence is not None:
            return action
        names = frozenset(self._release.indexed(request).values())
        if program is not None:
            return replace(action, sentence=sentence_of(program, base_scope(program, request, None)), names=names)
        given = request.params.get("plan")  # of an agent's own plan
        title = plan.plan.title if plan else str(given.get("title", "")) if isinstance(given, dict) else ""
        inputs = plan.plan.inputs if plan else {}
        said = plan_sentence(request.contract, title or request.contract, inputs, request.params)
        return replace(action, sentence=said, names=names)

    def held_ms(self, request: ActionRequest) -> int:
        """How long a no is held, in milliseconds."""
        program = self._release.catalog.programs.get(request.contract)
        plan = self._release.catalog.plans.get(request.contract)
        return program.contract.refused_hold if program else plan.plan.refused_hold if plan else 0

    def _now(self) -> int:
        return self._journal.store.now_ms()
