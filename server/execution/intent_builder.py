"""The intent of one attempt: what is signed and committed before the first byte leaves (step 6)."""

from dataclasses import replace

import orjson

from contracts.action.observation import Execution, Observation
from contracts.action.rendered_request import Rendered, render
from contracts.canonical import new_id
from contracts.compiler.check import cut_path
from contracts.compiler.expressions import Fault
from contracts.compiler.route_compiler import route_expressions
from policies.decision import DecisionContext
from policies.release import Release
from receipts.action.action import Action
from receipts.journal.budget_count import BudgetCount
from receipts.journal.intent import IntentCommit, Limits
from receipts.journal.journal import Journal
from receipts.statement.action_facts import IntentFacts
from receipts.statement.decision_record import decision_evidence, decision_facts
from receipts.statement.statement import SignedStatement
from server.execution.attempt import PermittedAction
from server.execution.decisions import Decisions
from server.execution.evidence import kept, readings, request_evidence, seen
from server.execution.routes import Choice, Routes, skipped_facts, timeout_of
from server.execution.statements import ActionStatements, plan_fields
from server.results import answers


class IntentBuilder:
    """Builds intents under one release. It commits nothing: `Journal.intend` does."""

    def __init__(
        self, journal: Journal, release: Release, decisions: Decisions, statements: ActionStatements, routes: Routes
    ) -> None:
        self._journal = journal
        self._release = release
        self._decisions = decisions
        self._statements = statements
        self._routes = routes

    def rendered(self, ready: PermittedAction, route: int) -> Rendered | Fault:
        """The request exactly as it will be sent; handles stand where secrets go."""
        resolved, program = ready.resolved, ready.resolved.program
        params = resolved.request.params
        handles = tuple(
            (str(params[name]), f"{program.name}.{name}") for name in sorted(program.secret_inputs) if name in params
        )
        scope = resolved.scope(ready.before)
        # INVARIANT: what is made of half a list would take away the other half
        half = cut_path(route_expressions(program.routes[route]), scope, ready.before.cut("before"))
        if half is not None:  # guard: no request out of half a list
            return Fault(f"`{half}` is one page of several")
        return render(program.routes[route], resolved.target, scope, program.absent(params), handles)

    def intent(
        self, ready: PermittedAction, rendered: Rendered, attempts: tuple[Execution, ...], choice: Choice
    ) -> IntentCommit:
        """Everything that the commit of this attempt's intent writes and compares."""
        action, permitted = ready.action, ready.permitted
        program, target = ready.resolved.program, ready.resolved.target
        attempt, route = attempts[-1].attempt + 1 if attempts else 1, choice.route or 0
        timeout = timeout_of(program.routes[route], target)
        settle = min(program.contract.settle_ms, target.max_settle_ms)
        need = self._journal.quorum.need(program.contract.risk)
        deadline, receipt = self._journal.store.now_ms() + timeout, new_id("rcp")
        facts = IntentFacts(
            decision=decision_facts(permitted.record),
            approvals=tuple(a.id for a in ready.approvals),
            before=seen(ready.before),
            called_ms=action.created_ms,
            attempt=attempt,
            route=route,
            via=program.routes[route].said,
            deadline_ms=deadline,
            settle_ms=settle,
            request_digest=rendered.digest,
            action_digest=action.request.action_digest,
            epoch=ready.basis.epoch,
            fence=action.fence + 1,
        ).also(({"cosignatures": need} if need else {}) | plan_fields(action) | skipped_facts(choice.skipped))
        before = kept(program, ready.before, self._journal.hiding)
        reads = self._release.decider.bundle.slices[program.name].reads
        context = permitted.decision_context
        return IntentCommit(
            action=action,
            permitted=permitted,
            before=before,
            sealed=self._sealed(ready, before, rendered, facts, receipt),
            rendered=rendered,
            approvals=ready.approvals,
            basis=ready.basis,
            route=route,
            attempt=attempt,
            timeout_ms=timeout,
            settle_ms=settle,
            deadline_ms=deadline,
            result=answers.running(action.id, receipt),
            # compared again in the commit, where a policy reads it: two that each saw room for one are not both let in
            rate=context.rate if context and "rate" in reads else None,
            budgets=self._counted(action, context) if context and "budget" in reads else (),
            spent=context.spends if context else 0,
            limits=Limits(target.max_in_flight, target.per_minute),
            # what is taken back may still hold the resource that it was made on
            # guard: one write at a resource
            lock=None if action.undoes else self._decisions.resource(action.request, permitted.facts),
            via=self._routes.name(action.request, program, route),
            trip=self._routes.trip(action.request, program, attempts[-1].route) if attempts else None,
            former_failed=not attempts or attempts[-1].delivery != "no_effect",
            cosignatures=need,
        )

    def _counted(self, action: Action, context: DecisionContext) -> tuple[BudgetCount, ...]:
        """What the decision counted of each budget, without the action's own share."""
        decisions = self._decisions
        return tuple(
            replace(count, used=context.budgets[count.budget.name] - decisions.share(count.budget, action))
            for count in decisions.budget_counts(action.request)
        )

    def _sealed(
        self, ready: PermittedAction, before: Observation, rendered: Rendered, facts: IntentFacts, receipt: str
    ) -> SignedStatement:
        """`before` is what may be recorded of the look."""
        action, permitted = ready.action, ready.permitted
        evidence = readings("before", before) | decision_evidence(permitted.record) | request_evidence(rendered)
        evidence |= {f"approval/{i}": a.model_dump_json().encode() for i, a in enumerate(ready.approvals)}
        if action.request.reason:
            evidence["reason"] = action.request.reason.encode()
        evidence["resource"] = orjson.dumps(
            {"type": permitted.facts.resource_type, "id": permitted.facts.resource_id, "label": permitted.facts.label}
        )
        about = self._statements.about(action, permitted.facts)
        return self._statements.seal(facts, receipt, about, "running", None, evidence)
