"""Looking again at what is `unknown`: the reads may answer by now, or show what they did not show yet.

`Recheck.look` reads the record once, compares it with what is recorded of the send, and commits what it finds.
`Resolutions` calls it when a look is due and when a person asks. What is found is a new signed statement; the outcome
that said `unknown` stays in the log as it was signed. It is no further attempt, and no person's word: that is
`Resolutions.resolve`.

- It MUST send nothing to the target but reads.
- It MUST start from the signed outcome, whose signature is checked again.
- `confirmed` MUST come from the same `reconcile` as at first (invariant 6).
- Row, statement, incident, escalation and breaker MUST change in one commit, and only while the row says `unknown`.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace

import orjson

from adapters.router import channel_of
from contracts.action.observation import Observation
from contracts.action.target import Target
from contracts.canonical import new_id
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.action.status import Status
from receipts.journal.breaker import BREAKER, Trip
from receipts.journal.halt import Halt, halt_statement
from receipts.reconciliation.checks import stated
from receipts.reconciliation.reconciliation import reconcile
from receipts.reconciliation.verdict import Reconciliation
from receipts.statement.action_facts import RecheckFacts
from receipts.statement.statement import LIMITS, SignedStatement
from receipts.store.transaction import Conflict
from server.actions.runner import ActionRunner
from server.execution.evidence import kept, readings, seen
from server.execution.job_look import look_with_job
from server.execution.resolved_action import base_scope
from server.operations.recheck_answer import RecheckAnswer
from server.operations.recheck_result import RecheckResult, restated, still_unknown
from server.operations.recorded_send import RecordedSend, recorded_send
from server.results.conclusion import Send, concluded

# `again` would be another attempt at once; a later look sends nothing, and says that nothing happened
_FOUND: Mapping[str, Status] = {"confirmed": "confirmed", "not_applied": "not_applied", "again": "not_applied"}


class Recheck:
    """One more look at an action whose outcome is unknown."""

    def __init__(self, runner: ActionRunner) -> None:
        self._runner = runner
        self._executor = runner.executor
        self._journal = runner.journal

    async def look(self, action: Action, program: Program, target: Target) -> RecheckAnswer:
        """Read the record, reconcile anew, and commit what is found; raises `not_found` where it cannot be read."""
        sent = await recorded_send(self._journal.store, action, program)
        before = await self._journal.state_before(action.id)
        if sent is None or before is None:
            raise AilyusError("not_waiting", "nothing is recorded of a send, so there is nothing to look at again")
        permit, base = self._journal.may_check(action.request, 15.0), base_scope(program, action.request, target)
        after = await look_with_job(self._executor.observe, permit, program, base, before, sent.execution)
        if not after.ok:
            raise AilyusError("not_found", "the record could not be read", hint="try again when the target answers")
        outcome = self._reconciled(action, program, target, before, sent, after)
        status = _FOUND.get(outcome.verdict, "unknown")
        receipt = new_id("rcp")
        send = Send(execution=sent.execution, attempts=sent.execution.attempt, settle_ms=sent.settle_ms)
        answer = concluded(action, program, receipt, status, outcome, send)
        facts = self._facts(action, program, target, outcome, after, sent)
        if status != "unknown":
            # guard: a later look says its answer
            facts = facts.also({"answer": answer.digest})
        stored = kept(program, after, self._journal.hiding)
        evidence = readings("after", stored) | {"outputs": orjson.dumps(dict(outcome.outputs))}
        about, changed = self._executor.statements.about(action), outcome.changed if status != "unknown" else None
        sealed = self._executor.statements.seal(facts, receipt, about, status, changed, evidence)
        # only what took effect shows that the target works: the breaker stopped it after outcomes like this one
        halts = self._breakers(action) if status == "confirmed" else ()
        result = RecheckResult(
            sealed=sealed,
            status=status,
            answer=answer,
            outcome=outcome,
            after=stored,
            halts=halts,
        )
        work = restated(action, program, result)
        try:
            await self._journal.commit(action, [work if status != "unknown" else still_unknown(action, sealed)])
        except Conflict:
            raise AilyusError("not_waiting", "somebody else looked at the same time and found it") from None
        if action.step is not None and status != "unknown":  # guard: a step that is known later
            with contextlib.suppress(Conflict):  # another look said it of the plan
                await self._runner.plans.look_again(action.step.plan_id)
        return RecheckAnswer(action.id, receipt, status, outcome.checks)

    def _reconciled(
        self,
        action: Action,
        program: Program,
        target: Target,
        before: Observation,
        sent: RecordedSend,
        after: Observation,
    ) -> Reconciliation:
        base = base_scope(program, action.request, target)
        bound = program.contract.bound_ms
        bounded = bound is not None and self._executor.now() >= sent.execution.ended_ms + bound
        return reconcile(program, base, before, sent.execution, after, target.exclusive, bounded, sent.outputs)

    def _facts(
        self,
        action: Action,
        program: Program,
        target: Target,
        outcome: Reconciliation,
        after: Observation,
        sent: RecordedSend,
    ) -> RecheckFacts:
        return RecheckFacts(
            was=action.status,
            checks=stated(outcome.checks),
            after=seen(after),
            attribution=outcome.attribution,
            observer=channel_of(program.reads, target, program, sent.execution.route),
            reason=str(outcome.reason),
            limits=LIMITS,
        )

    def _breakers(self, action: Action) -> tuple[Trip, ...]:
        """The breaker's halts that stand on this contract or connection, each with the statement that it is lifted."""
        request, now = action.request, self._executor.now()
        names = {("contract", request.contract), ("connection", request.connection)}
        mine = [h for h in self._journal.controls.halts if h.by == BREAKER and (h.scope, h.name) in names]
        return tuple(Trip(h, self._lifted(h, now)) for h in mine)

    def _lifted(self, halt: Halt, now_ms: int) -> SignedStatement:
        return halt_statement(self._journal.notary, replace(halt, at_ms=now_ms), "lifted", BREAKER)
