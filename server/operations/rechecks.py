"""Looking again at what is `unknown`: the reads may answer by now, or show what they did not show yet.

`SecondLook.look` reads the record once, compares it with what is recorded of the send, and commits what it finds.
`Aftercare` calls it when a look is due and when a person asks. What is found is a new signed statement; the outcome
that said `unknown` stays in the log as it was signed. It is no further attempt, and no person's word: that is
`Aftercare.resolve`.

- It MUST send nothing to the target but reads.
- It MUST start from the signed outcome, whose signature is checked again.
- `confirmed` MUST come from the same `reconcile` as at first (invariant 6).
- Row, statement, incident, escalation and breaker MUST change in one commit, and only while the row says `unknown`.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson
from pydantic import JsonValue

from adapters.decoding import Undecodable, decode
from adapters.router import channel_of
from contracts.action.observation import Delivery, Execution, Observation, Response
from contracts.action.target import Target
from contracts.canonical import new_id
from contracts.compiler.program import Program
from contracts.compiler.route_program import HttpProgram
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.breaker import BREAKER, Trip, untrip
from receipts.journal.halt import Halt, halt_statement
from receipts.journal.handles import forget_used, give_back
from receipts.journal.outcome import LATER_LOOK, acknowledge
from receipts.log.signing import Envelope
from receipts.reconciliation.checks import stated
from receipts.reconciliation.reconciliation import reconcile
from receipts.reconciliation.verdict import Reason, Reconciliation
from receipts.statement import entries
from receipts.statement.action_facts import RecheckFacts
from receipts.statement.evidence import of_send
from receipts.statement.statement import LIMITS, SignedStatement
from receipts.store.transaction import Conflict, Txn
from receipts.tables import incidents, intents, rechecks
from server.actions.pipeline import Pipeline
from server.execution.evidence import WITHHELD, kept, readings, seen
from server.results import answers

_FOUND: Mapping[str, Status] = {"confirmed": "confirmed", "not_applied": "not_applied", "again": "not_applied"}


@dataclass(frozen=True, slots=True)
class _Sent:
    """What is recorded of the send: the last attempt, the time that was read back, and outputs that were kept."""

    execution: Execution
    settle_ms: int
    outputs: Mapping[str, JsonValue]


class SecondLook:
    """One more look at an action whose outcome is unknown."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._steps = pipeline.steps
        self._journal = pipeline.journal

    async def look(self, action: Action, program: Program, target: Target) -> dict[str, JsonValue]:
        """Read the record, reconcile anew, and commit what is found; raises `not_found` where it cannot be read."""
        sent, before = await self._sent(action, program), await self._journal.before(action.id)
        if sent is None or before is None:
            raise AilyusError("not_waiting", "nothing is recorded of a send, so there is nothing to look at again")
        after = await self._pipeline.adapter.observe(self._journal.may_check(action.request, 15.0))
        if not after.ok:
            raise AilyusError("not_found", "the record could not be read", hint="try again when the target answers")
        outcome = self._reconciled(action, program, target, before, sent, after)
        status = _FOUND.get(outcome.verdict, "unknown")
        receipt = new_id("rcp")
        answer = self._answer(action, program, receipt, status, outcome, sent)
        sealed = self._seal(action, program, target, receipt, status, outcome, after, sent, answer)
        halts = self._breakers(action) if status == "confirmed" else ()
        work = _found(
            action, sealed, status, answer, outcome, kept(program, after, self._journal.hiding), halts, program
        )
        try:
            await self._journal.commit(action, [work if status != "unknown" else _seen(action, sealed)])
        except Conflict:
            raise AilyusError("not_waiting", "somebody else looked at the same time and found it") from None
        if action.step is not None and status != "unknown":  # guard: a step that is known later
            with contextlib.suppress(Conflict):  # another look said it of the plan
                await self._pipeline.plans.look_again(action.step.id)
        checks: list[JsonValue] = [c.fact for c in outcome.checks]
        return {"action": action.id, "receipt": receipt, "status": status, "checks": checks}

    def _reconciled(
        self,
        action: Action,
        program: Program,
        target: Target,
        before: Observation,
        sent: _Sent,
        after: Observation,
    ) -> Reconciliation:
        base = self._steps.base(program, action.request, target)
        bound = program.contract.bound_ms
        bounded = bound is not None and self._steps.now() >= sent.execution.ended_ms + bound
        return reconcile(program, base, before, sent.execution, after, target.exclusive, bounded, sent.outputs)

    def _answer(
        self, action: Action, program: Program, receipt: str, status: Status, outcome: Reconciliation, sent: _Sent
    ) -> ActionResult:
        return answers.concluded(
            action,
            program,
            receipt,
            status,
            outcome,
            execution=sent.execution,
            attempts=sent.execution.attempt,
            settle_ms=sent.settle_ms,
        )

    def _seal(
        self,
        action: Action,
        program: Program,
        target: Target,
        receipt: str,
        status: Status,
        outcome: Reconciliation,
        after: Observation,
        sent: _Sent,
        answer: ActionResult,
    ) -> SignedStatement:
        facts = RecheckFacts(
            was=action.status,
            checks=stated(outcome.checks),
            after=seen(after),
            attribution=outcome.attribution,
            observer=channel_of(program.reads, target, program, sent.execution.route),
            reason=str(outcome.reason),
            limits=LIMITS,
        )
        if status != "unknown":
            # guard: a later look says its answer
            facts = facts.also({"answer": answer.digest})
        evidence = readings("after", kept(program, after, self._journal.hiding)) | {
            "outputs": orjson.dumps(dict(outcome.outputs))
        }
        about, changed = self._steps.about(action), outcome.changed if status != "unknown" else None
        return self._steps.seal(facts, receipt, about, status, changed, evidence)

    def _breakers(self, action: Action) -> tuple[Trip, ...]:
        """The breaker's halts that stand on this contract or connection, each with the statement that it is lifted."""
        request, now = action.request, self._steps.now()
        names = {("contract", request.contract), ("connection", request.connection)}
        mine = [h for h in self._journal.controls.halts if h.by == BREAKER and (h.scope, h.name) in names]
        return tuple(Trip(h, self._lifted(h, now)) for h in mine)

    def _lifted(self, halt: Halt, now_ms: int) -> SignedStatement:
        return halt_statement(self._journal.notary, replace(halt, at_ms=now_ms), "lifted", BREAKER)

    async def _sent(self, action: Action, program: Program) -> _Sent | None:
        store = self._journal.store
        outcome, settle_ms = await entries.last_outcome(store, action.id), await intents.settle_ms(store, action.id)
        if outcome is None or settle_ms is None:
            return None
        envelope, signer = Envelope.decode(outcome.envelope), store.signer
        if not envelope.holds({signer.keyid: signer.public}):
            raise AilyusError("store_corrupt", f"the signed outcome of `{action.id}` does not hold")
        attempts = orjson.loads(envelope.payload)["predicate"].get("attempts")
        if not attempts:
            return None
        evidence = await of_send(store, outcome.leaf_index)
        outputs = orjson.loads(evidence.get("outputs", b"{}"))
        execution = _attempt(program, attempts[-1], evidence.get("response", b""))
        page = f"page/{execution.attempt}/"
        pictures = {label.removeprefix(page): data for label, data in evidence.items() if label.startswith(page)}
        return _Sent(replace(execution, evidence=pictures), settle_ms, outputs)


def _attempt(program: Program, facts: Mapping[str, JsonValue], raw: bytes) -> Execution:
    """The recorded attempt, with the answer as the contract reads it, where one is kept."""
    route, status, delivery = facts["route"], facts["status"], facts["delivery"]
    index = route if isinstance(route, int) and route < len(program.routes) else 0
    key, ended, request_id = facts.get("idempotencyKey"), facts.get("endedMs"), facts.get("requestId")
    attempt = facts.get("attempt")
    response = None
    if isinstance(status, int):
        named = request_id if isinstance(request_id, str) else None
        response = Response(status, {}, _body(program, index, raw), raw, named)
    return Execution(
        index,
        attempt if isinstance(attempt, int) else 1,
        _delivery(delivery),
        0,
        ended if isinstance(ended, int) else 0,
        str(facts.get("method")),
        "",
        str(facts.get("requestDigest")),
        response,
        keyed=isinstance(key, str),
        via=str(facts.get("via")),
    )


def _delivery(value: JsonValue) -> Delivery:
    known: dict[str, Delivery] = {"answered": "answered", "rejected": "rejected", "refused": "refused"}
    return known.get(str(value), "in_doubt")


def _body(program: Program, index: int, raw: bytes) -> JsonValue:
    route = program.routes[index]
    if not raw or raw == WITHHELD:
        return None
    form, lists = (route.decode, route.lists) if isinstance(route, HttpProgram) else ("json", ())
    try:
        return decode(raw, "xml" if form == "xml" else "json", lists)
    except Undecodable:
        return None


def _seen(action: Action, sealed: SignedStatement) -> Callable[[Txn], None]:
    """It is still not known: a statement, and the looks that were due are done."""

    def work(txn: Txn) -> None:
        sealed.insert(txn)
        rechecks.finish(txn, action.id, txn.now_ms)

    return work


def _found(
    action: Action,
    sealed: SignedStatement,
    status: Status,
    answer: ActionResult,
    outcome: Reconciliation,
    after: Observation,
    halts: Sequence[Trip],
    program: Program,
) -> Callable[[Txn], None]:
    """unknown → confirmed or not_applied: the row, the incident, the people who were told, the breaker."""

    def work(txn: Txn) -> None:
        held = txn.now_ms + program.contract.repeat_window if status == "confirmed" else 0
        # a target that said yes and did not do it stays a strike
        strike = status == "not_applied" and outcome.reason is Reason.AS_IT_WAS
        confirmed = status == "confirmed"
        rechecks.restate(txn, action.id, status, answer, held_until_ms=held, strike=strike)
        rechecks.restate_sent(
            txn,
            action.id,
            "done" if confirmed else "failed",
            after if confirmed and action.step else None,
            ours=confirmed and outcome.attribution == "ours",
        )
        sealed.insert(txn)
        _settle(txn, action)  # guard: what is found ends the incident
        if program.secret_inputs:
            (give_back if status == "not_applied" else forget_used)(txn, action.id)
        untrip(txn, halts)

    return work


def _settle(txn: Txn, action: Action) -> None:
    """Nothing about it is open any more."""
    incidents.resolve(txn, action.id)
    acknowledge(txn, action.id, LATER_LOOK)
    rechecks.finish(txn, action.id, 2**53)
