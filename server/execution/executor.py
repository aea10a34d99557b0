"""One decided request, from intent to outcome: steps 6 to 10 of the path, for an action and for a plan's step.

`ActionExecutor` asks Cedar on live facts (`decide`), commits the intent and acts (`send`), then reads back, compares
and signs (`finish`). `Pipeline` calls it for single actions, `Plans` for steps, `Compensation` for undos. It is not the
way in: it parses no call, counts no approval and asks no person. What ends without a send (`denied`, `unavailable`,
`without_sending`) is built here as work, and whoever called commits it.

- A request MUST leave only by the order that the commit of its signed intent gave (invariant 1).
- Another attempt MUST follow a new look that equals the state before, a new decision and a new intent (invariants 3 and
  4).
- What was sent MUST be `confirmed` only by `reconcile`, over a later read (invariant 6).
- After a crash an action MUST go on from its signed intent, whose signature is checked again (`take_over`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import orjson
import structlog

from adapters.adapter import Adapter
from adapters.router import channel_of
from contracts.action.observation import Execution, Observation
from contracts.action.rendered import Rendered, render
from contracts.action.request import ActionRequest, Caller
from contracts.action.target import Target
from contracts.canonical import new_id
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.compiler.read_program import FlowRead
from contracts.errors import AilyusError
from policies.decision import Circumstances, Decision, Denied, Facts, Rate, Record, Unavailable
from policies.release import Release
from policies.resource_facts import establish
from receipts.action.action import Action, Intent
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.breaker import BREAKER, Trip
from receipts.journal.halt import halt_statement, new_halt
from receipts.journal.handles import Minted
from receipts.journal.intent import IntentCommit, Limits
from receipts.journal.journal import Journal
from receipts.journal.outcome import Escalation, OutcomeCommit
from receipts.log.signing import Envelope
from receipts.reconciliation.checks import checks_of, stated
from receipts.reconciliation.comparison import drifted_paths, same
from receipts.reconciliation.outputs import refusal_of
from receipts.reconciliation.reconciliation import already_so, reconcile
from receipts.reconciliation.verdict import Reconciliation
from receipts.statement import entries
from receipts.statement.action_facts import DecisionFacts, IntentFacts, OutcomeFacts
from receipts.statement.decision_record import decision_evidence, decision_facts
from receipts.statement.facts import ActionFacts
from receipts.statement.plan_facts import PlanStepRef
from receipts.statement.statement import LIMITS, SignedStatement, StatementSubject
from receipts.store.transaction import Conflict, Work
from server.execution.attempt import PendingEnd, PermittedAction, SentAttempt, TakeBackOrphan
from server.execution.evidence import attempt_of, kept, readings, request_evidence, response_evidence, seen
from server.execution.fair_limiter import FairLimiter
from server.execution.routes import Choice, Routes, skipped_facts, timeout_of
from server.results import answers
from server.results.conclusion import Send, concluded

log = structlog.get_logger()
MAX_ATTEMPTS = 3
LOOKS_MS = (30_000, 120_000, 600_000, 3_600_000, 21_600_000, 86_400_000)
"""When an outcome in doubt is looked at again, after it ended; the first look comes one settle time after it."""
NOTHING_AHEAD = Rate()
_ENDED: Mapping[str, Status] = {
    "confirmed": "confirmed",
    "not_applied": "not_applied",
    "diverged": "diverged",
    "contended": "unknown",
    "orphan": "unknown",
    "again": "not_applied",
    "stopped": "not_applied",
    "next_route": "not_applied",
}


class ActionExecutor:
    """Carries single requests for one live release."""

    def __init__(
        self,
        journal: Journal,
        release: Release,
        adapter: Adapter,
        current: Callable[[Caller], Awaitable[Caller | None]],
        lanes: FairLimiter,
    ) -> None:
        self.journal = journal
        self.release = release
        self.adapter = adapter
        self.current = current
        self.lanes = lanes
        self.routes = Routes(journal)

    # -- looking and deciding ------------------------------------------------------------------------------------------

    async def decide(
        self,
        action: Action,
        program: Program,
        target: Target,
        before: Observation,
        approvals: Mapping[str, int] | None = None,
        oldest_seconds: int = 0,
        ahead: Rate = NOTHING_AHEAD,
    ) -> Decision:
        """Cedar's word on live attributes, with these verified approvals."""
        facts = establish(program, action.request, target, before)
        if isinstance(facts, Denied):
            return facts
        circumstances = await self.circumstances(action, facts, ahead)
        decider = self.release.decider
        return decider.decide(action.request, action.caller, facts, circumstances, approvals or {}, oldest_seconds)

    async def circumstances(
        self, action: Action, facts: Facts | None = None, ahead: Rate = NOTHING_AHEAD
    ) -> Circumstances:
        """What a decision depends on beside the request, now; counted only where a policy of the slice reads it.

        `ahead` is what the earlier steps of a plan will have taken by then.
        """
        request, journal = action.request, self.journal
        first = action.first or request.kind == "read"
        reads = self.release.decider.bundle.slices[request.contract].reads
        incident = False
        if facts is not None and "resourceOpenIncident" in reads:
            incident = journal.controls.has_incident(self.resource(request, facts))
        spends = self.spends(request)
        rate = await journal.rate(action) if "rate" in reads else Rate()
        return Circumstances(
            journal.store.now_ms(),
            self.release.change_freeze,
            0 if first else await journal.repeats(request.call_key, action.id),
            rate=rate.plus(ahead) if "rate" in reads else rate,
            spends=spends,
            plan_size=action.step.size if action.step else 0,
            wave=action.step.wave if action.step else 0,
            open_incident=incident,
        )

    def spends(self, request: ActionRequest) -> int:
        """What a request takes from a budget; what cannot be told is more than any budget."""
        program = self.release.catalog.programs[request.contract]
        if program.spends is None:
            return 0
        value = program.spends.value(program.scope(request.params, request.tenant, ""))
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 2**53 - 1

    def resource(self, request: ActionRequest, what: Facts | StatementSubject) -> str:
        """The pseudonym by which incidents and locks know a resource."""
        name = f"{request.connection}/{what.resource_type}/{what.resource_id}"
        return self.journal.notary.pseudonym(request.tenant, "incident", name)

    # -- ends that send nothing ----------------------------------------------------------------------------------------

    def without_sending(
        self,
        action: Action,
        program: Program,
        target: Target,
        before: Observation,
        facts: Facts,
        record: Record,
        permitted: bool = True,
    ) -> PendingEnd | None:
        """A false `require`, or already so: nothing to send. `permitted`: nobody's approval is missing."""
        base = self.base(program, action.request, target)
        # INVARIANT: `require` comes first, and that it already is so is said only of what was permitted
        required = checks_of(program.require, {**base, **before.scope("before")}, before.cut("before"))
        unmet = next((c for c in required if not c.met), None)
        # guard: require comes first
        checks = already_so(program, base, before) if unmet is None and permitted else None
        if checks is None and unmet is None:
            return None
        receipt = new_id("rcp")
        status: Status = "confirmed" if checks is not None else "not_applied"
        answer = (
            answers.already(action, receipt, checks) if checks is not None else answers.unmet(action, receipt, unmet)
        )
        judged = {"checks": stated(checks)} if checks is not None else {"required": stated(required)}
        said = OutcomeFacts(
            decision=decision_facts(record),
            attempts=(),
            before=seen(before),
            called_ms=action.created_ms,
            answer=answer.digest,
        ).also(judged)
        recorded = kept(program, before, self.journal.hiding)
        evidence = readings("before", recorded) | decision_evidence(record)
        sealed = self.seal(said, receipt, self.about(action, facts), status, False, evidence)
        held = self.now() + program.contract.repeat_window if status == "confirmed" else 0
        work = self.journal.ending(action, sealed, status, answer, held)
        return PendingEnd(action, status, answer, work, unsent=True, because=unmet.that if unmet else "")

    def denied(self, action: Action, denied: Denied, code: str | None = None) -> PendingEnd:
        """Policy says no, or it can no longer be established; a system that cannot be asked is told as that."""
        if isinstance(denied, Unavailable):
            return self.unavailable(action, denied)
        receipt = new_id("rcp")
        facts = DecisionFacts(decision=decision_facts(denied.record), code=code, called_ms=action.created_ms)
        # guard: an agent is not told why
        answer = answers.denied(action, receipt, code if code in answers.DRIFT else None)
        facts = facts.also({"answer": answer.digest})  # guard: a denial says its answer
        evidence = decision_evidence(denied.record) | {"why": denied.reason.encode()}
        sealed = self.seal(facts, receipt, self.about(action), "denied", False, evidence)
        # a denial is held, so that repeating it asks nobody again; a drift is not, so that it can be asked anew
        held = 0 if code else self.now() + self.held_ms(action.request)
        return PendingEnd(
            action, "denied", answer, self.journal.ending(action, sealed, "denied", answer, held), unsent=True
        )

    def unavailable(self, action: Action, why: Unavailable) -> PendingEnd:
        """A system could not be asked, so nothing was sent: no refusal, not held, and the operator is told."""
        receipt = new_id("rcp")
        connection = why.connection or action.request.connection
        log.warning(
            "unavailable",  # guard: an outage is logged
            connection=connection,
            outage=why.outage,
            contract=action.request.contract,
            action=action.id,
            reason=why.reason,
        )
        answer = answers.unavailable(action, receipt)
        facts = DecisionFacts(
            decision=decision_facts(why.record),
            code=why.outage,
            unavailable=connection,
            called_ms=action.created_ms,
            answer=answer.digest,
        )
        evidence = decision_evidence(why.record) | {"why": why.reason.encode()}
        sealed = self.seal(facts, receipt, self.about(action), "unavailable", False, evidence)
        work = self.journal.ending(action, sealed, "unavailable", answer, 0)
        return PendingEnd(action, "unavailable", answer, work, unsent=True)

    async def end(self, ended: PendingEnd) -> ActionResult:
        """Commit an end by itself."""
        await self.journal.commit(ended.action, [ended.work])
        return ended.result

    async def take_over(self, action: Action) -> Intent:
        """The open intent of an action whose process died, verified, under a new fence."""
        intent = await self.journal.open_intent(action.id)
        if intent is None:
            raise AilyusError("store_corrupt", f"the action `{action.id}` runs without an intent")
        await verify_intent(self, intent.receipt_id, intent.action_digest, action.id)
        return replace(intent, fence=await self.journal.take(action))

    def held_ms(self, request: ActionRequest) -> int:
        """How long a no is held, in milliseconds."""
        program = self.release.catalog.programs.get(request.contract)
        plan = self.release.catalog.plans.get(request.contract)
        return program.contract.refused_hold if program else plan.plan.refused_hold if plan else 0

    # -- sending -------------------------------------------------------------------------------------------------------

    async def send(
        self,
        ready: PermittedAction,
        earlier: Sequence[Work[None]] = (),
        attempts: tuple[Execution, ...] = (),
        route: int | None = None,
    ) -> SentAttempt | Denied:
        """Commit the signed intent; out of that commit comes the one-use order to act; act. Raises `Conflict`.

        By the first route whose breaker is closed, unless one is named.
        """
        action = ready.action
        choice = self.routes.choose(action.request, ready.program, ready.target, route or 0)
        if choice.route is None:
            closed = f"no route of `{action.request.contract}` is open: each is halted, or its breaker is"
            return Unavailable(closed, ready.permitted.record, "no_open_route", action.request.connection)
        route = choice.route
        if lacks := self.adapter.lacks(action.request, route):
            return Unavailable(lacks.sentence, ready.permitted.record, lacks.outage, lacks.connection)
        rendered = self._rendered(ready, route)
        if isinstance(rendered, Fault):
            return Denied(f"the request cannot be built: {rendered.sentence}", ready.permitted.record)
        intention = self._intention(ready, rendered, attempts, choice)
        dispatch = await self.journal.intend(intention, earlier)
        execution = await self.adapter.execute(dispatch)
        running = replace(action, state="running", fence=dispatch.fence)
        intent = Intent(
            action.id,
            dispatch.step,
            intention.attempt,
            route,
            dispatch.fence,
            dispatch.deadline_ms,
            intention.settle_ms,
            dispatch.action_digest,
            dispatch.target_digest,
            intention.before,
            intention.sealed.index.id,
        )
        return SentAttempt(
            running,
            intent,
            ready.before,
            execution,
            (*attempts, execution),
            ready.again,
            ready.permitted.facts,
            choice.skipped,
        )

    def _intention(
        self, ready: PermittedAction, rendered: Rendered, attempts: tuple[Execution, ...], choice: Choice
    ) -> IntentCommit:
        action, program, target, permitted = ready.action, ready.program, ready.target, ready.permitted
        attempt, route = attempts[-1].attempt + 1 if attempts else 1, choice.route or 0
        timeout = timeout_of(program.routes[route], target)
        settle = min(program.contract.settle_ms, target.max_settle_ms)
        now, receipt = self.now(), new_id("rcp")
        facts = IntentFacts(
            decision=decision_facts(permitted.record),
            approvals=tuple(a.id for a in ready.approvals),
            before=seen(ready.before),
            called_ms=action.created_ms,
            attempt=attempt,
            route=route,
            via=program.routes[route].said,
            deadline_ms=now + timeout,
            settle_ms=settle,
            request_digest=rendered.digest,
            action_digest=action.request.action_digest,
            epoch=ready.under[1],
            fence=action.fence + 1,
        ).also(_of_plan(action) | skipped_facts(choice.skipped))
        before = kept(program, ready.before, self.journal.hiding)
        evidence = readings("before", before) | decision_evidence(permitted.record) | request_evidence(rendered)
        evidence |= {f"approval/{i}": a.model_dump_json().encode() for i, a in enumerate(ready.approvals)}
        if action.request.reason:
            evidence["reason"] = action.request.reason.encode()
        evidence["resource"] = orjson.dumps(
            {"type": permitted.facts.resource_type, "id": permitted.facts.resource_id, "label": permitted.facts.label}
        )
        sealed = self.seal(facts, receipt, self.about(action, permitted.facts), "running", None, evidence)
        reads = self.release.decider.bundle.slices[program.name].reads
        return IntentCommit(
            action=action,
            permitted=permitted,
            before=before,
            sealed=sealed,
            rendered=rendered,
            approvals=ready.approvals,
            decided_under=ready.under,
            route=route,
            attempt=attempt,
            timeout_ms=timeout,
            settle_ms=settle,
            deadline_ms=now + timeout,
            result=answers.running(action.id, receipt),
            rate=permitted.circumstances.rate if permitted.circumstances and "rate" in reads else None,
            spent=permitted.circumstances.spends if permitted.circumstances else 0,
            limits=Limits(target.max_in_flight, target.per_minute),
            # what is taken back may still hold the resource that it was made on
            # guard: one write at a resource
            lock=None if action.undoes else self.resource(action.request, permitted.facts),
            via=self.routes.name(action.request, program, route),
            trip=self.routes.trip(action.request, program, attempts[-1].route) if attempts else None,
            former_failed=not attempts or attempts[-1].delivery != "no_effect",
        )

    def _rendered(self, ready: PermittedAction, route: int) -> Rendered | Fault:
        action, program, target = ready.action, ready.program, ready.target
        request = action.request
        scope = {**self.base(program, request, target), **ready.before.scope("before")}
        handles = tuple(
            (str(request.params[name]), f"{program.name}.{name}")
            for name in sorted(program.secret_inputs)
            if name in request.params
        )
        return render(program.routes[route], target, scope, program.absent(request.params), handles)

    # -- after it ------------------------------------------------------------------------------------------------------

    async def finish(self, sent: SentAttempt, take_back: "TakeBackOrphan | None" = None) -> PendingEnd:
        """Steps 8 to 10: read until it settles, reconcile, try again where that is provably safe, sign and answer."""
        while True:
            action = sent.action
            program = self.release.catalog.programs[action.request.contract]
            target = self.release.target(action.request)
            after = await self._settled(sent, program, target)
            base = self.base(program, action.request, target)
            exclusive = target is not None and target.exclusive
            bounded = program.contract.bound_ms is not None and sent.intent.settle_ms >= program.contract.bound_ms
            outcome = reconcile(program, base, sent.before, sent.execution, after, exclusive, bounded)
            if take_back and outcome.orphan is not None and await take_back(sent, outcome.orphan):
                outcome = replace(outcome, verdict="again", changed=False, reason="what it made was taken back")
            further = await self._further(sent, program, target, outcome)
            if further is None:
                return self._outcome(sent, program, target, after, outcome)
            sent = further

    async def _settled(self, sent: SentAttempt, program: Program, target: Target | None) -> Observation:
        """Read back until it is as expected, or a negative read counts: complete answer (else deadline) + settle."""
        execution, intent = sent.execution, sent.intent
        if execution.delivery == "not_sent":
            return sent.before
        start = execution.ended_ms if execution.response is not None else intent.deadline_ms
        end = start + intent.settle_ms
        if target is None or target.digest != intent.target_digest:
            return Observation(
                {}, self.now(), "same_channel", fault="the connection is not the one that was written to"
            )
        final = execution.delivery in ("refused", "declined", "no_effect", "stopped")
        final = final or (execution.delivery == "rejected" and target.direct)
        base = self.base(program, sent.action.request, target)
        pause, seconds = 0.05, 30.0 if any(isinstance(read, FlowRead) for read in program.reads) else 10.0
        while True:
            late = self.now() >= end
            after = await self.adapter.observe(self.journal.may_observe(intent, sent.action, seconds))
            if late or final:
                return after
            if reconcile(program, base, sent.before, execution, after).verdict == "confirmed":
                return after
            await asyncio.sleep(max(0.0, min(pause, (end - self.now()) / 1000)))
            pause = min(pause * 2, 1.0)

    async def _further(
        self, sent: SentAttempt, program: Program, target: Target | None, outcome: Reconciliation
    ) -> SentAttempt | None:
        """Another attempt or route, where provably safe: a new look, decision, intent and fence."""
        if outcome.verdict not in ("again", "next_route") or target is None or sent.intent.attempt >= MAX_ATTEMPTS:
            return None
        route = self.routes.after(sent.action.request, program, target, sent.execution, outcome.verdict)
        if route is None:
            return None
        await asyncio.sleep((sent.execution.retry_after_ms or 100 * 2**sent.intent.attempt) / 1000)
        under = (self.release.digest, self.journal.epoch)
        caller = await self.current(sent.action.caller)
        if caller is None or self.journal.controls.halted(sent.action.request, undo=bool(sent.action.undoes)):
            return None
        action = replace(sent.action, caller=caller)
        look = self.release.decider.may_observe(action.request, caller, target)
        if isinstance(look, Denied):
            return None
        before = await self.adapter.observe(look)
        if not before.ok or not same(program.probed, sent.before, before):
            return None
        permitted = await sent.again(action, program, target, before)
        if permitted is None:
            return None
        ready = PermittedAction(action, program, target, before, permitted, (), under, sent.again)
        try:
            further = await self.send(ready, (), sent.attempts, route)
        except Conflict:
            return None
        return further if isinstance(further, SentAttempt) else None

    # -- the outcome ---------------------------------------------------------------------------------------------------

    def _outcome(
        self, sent: SentAttempt, program: Program, target: Target | None, after: Observation, outcome: Reconciliation
    ) -> PendingEnd:
        action, execution = sent.action, sent.execution
        status = _ENDED[outcome.verdict]
        receipt = new_id("rcp")
        drift = drifted_paths(program, sent.before, after) if status == "diverged" and after.ok else ()
        outcome, minted = self._sealed_outputs(action, program, outcome)
        send = Send(execution=execution, attempts=sent.intent.attempt, settle_ms=sent.intent.settle_ms, drift=drift)
        answer = concluded(action, program, receipt, status, outcome, send)
        refused = outcome.verdict == "not_applied" and execution.delivery in ("refused", "declined", "rejected")
        if refused and (words := refusal_of(program, self.base(program, action.request, target), execution)):
            answer = replace(answer, data={"refusal": words}, from_outside=(*(answer.from_outside or ()), "data"))
        after = kept(program, after, self.journal.hiding)
        escalated = answer.escalated_to
        facts = OutcomeFacts(
            intent=sent.intent.receipt_id,
            attempts=tuple(attempt_of(e, program.secretive) for e in sent.attempts),
            checks=stated(outcome.checks),
            after=seen(after) if sent.execution.delivery != "not_sent" else {},
            attribution=outcome.attribution,
            observer=channel_of(program.reads, target, program, execution.route) if target else after.channel,
            reason=str(outcome.reason),
            answer=answer.digest,
            escalated_to=escalated,
            limits=LIMITS,
        ).also({**({"drifted": drift} if drift else {}), **_of_plan(action), **skipped_facts(sent.skipped)})
        evidence = readings("after", after) if execution.delivery != "not_sent" else {}
        evidence["response"] = response_evidence(execution, program.secretive)
        evidence["outputs"] = orjson.dumps(dict(outcome.outputs))
        for attempt in sent.attempts:
            evidence |= {f"page/{attempt.attempt}/{name}": data for name, data in attempt.evidence.items()}
        about = self.about(action, sent.facts or self._facts(sent, program, target))
        sealed = self.seal(facts, receipt, about, status, outcome.changed, evidence)
        doubt = status in ("diverged", "unknown")
        failed = outcome.verdict in ("again", "next_route", "stopped") and execution.delivery != "no_effect"
        lied = status == "not_applied" and execution.delivery == "answered"
        conclusion = OutcomeCommit(
            action=action,
            sealed=sealed,
            status=status,
            result=answer,
            held_until_ms=self._held(program, status),
            after=after if status == "confirmed" and action.step else None,
            ours=outcome.attribution == "ours",
            strike=doubt or lied or outcome.verdict == "stopped",
            trips=self._trips(action.request) if doubt or lied or outcome.verdict == "stopped" else (),
            failed=failed,
            route_trip=self.routes.trip(action.request, program, execution.route) if failed else None,
            incident=self.resource(action.request, about) if doubt and about.resource_id else None,
            escalation=Escalation(new_id("esc"), escalated) if escalated and not action.step else None,
            minted=minted,
            used_handles=bool(program.secret_inputs),
            rechecks=self._later(program, status, sent.intent.settle_ms),
        )
        return PendingEnd(action, status, answer, self.journal.concluding(conclusion), outcome, after)

    def _held(self, program: Program, status: Status) -> int:
        """Until when the same call is this action. INVARIANT: what is in doubt is not begun anew beside its looks."""
        if status == "not_applied":
            return 0
        window = program.contract.repeat_window
        return self.now() + (max(window, LOOKS_MS[-1]) if status == "unknown" else window)

    def _later(self, program: Program, status: Status, settle_ms: int) -> tuple[int, ...]:
        """When to look again: as its contract asks at what is confirmed, on a schedule at what is unknown."""
        now = self.now()
        if status == "unknown":
            return tuple(now + after for after in (max(settle_ms, 1_000), *LOOKS_MS))  # guard: doubt is looked at again
        return tuple(now + t for t in program.contract.recheck) if status == "confirmed" else ()

    def _sealed_outputs(
        self, action: Action, program: Program, outcome: Reconciliation
    ) -> tuple[Reconciliation, Minted | None]:
        """Secret outputs leave as handles; the values go into the vault with the outcome's commit."""
        secret = {n: (str(outcome.outputs[n]), to) for n, to in program.secret_outputs.items() if n in outcome.outputs}
        if not secret:
            return outcome, None
        plan = action.step.id if action.step else None
        handles, minted = self.journal.handles.seal(action.request, plan, action.id, secret, self.now())
        return replace(outcome, outputs={**outcome.outputs, **handles}), minted

    def _facts(self, sent: SentAttempt, program: Program, target: Target | None) -> Facts | None:
        facts = establish(program, sent.action.request, target, sent.before) if target else None
        return facts if isinstance(facts, Facts) else None

    def _trips(self, request: ActionRequest) -> tuple[Trip, ...]:
        trips = []
        for halt in (
            new_halt("contract", request.contract, False, BREAKER, "three bad outcomes in a row", self.now()),
            new_halt("connection", request.connection, False, BREAKER, "three bad outcomes in a row", self.now()),
        ):
            trips.append(Trip(halt, halt_statement(self.journal.notary, halt, "halted")))
        return tuple(trips)

    # -- small things --------------------------------------------------------------------------------------------------

    def seal(
        self,
        facts: ActionFacts,
        receipt: str,
        about: StatementSubject,
        status: Status,
        changed: bool | None,
        evidence: Mapping[str, bytes],
    ) -> SignedStatement:
        """A signed statement about an action, now."""
        return self.journal.notary.seal(
            facts, receipt, about, status=status, changed=changed, at_ms=self.now(), evidence=evidence
        )

    def about(self, action: Action, facts: Facts | None = None) -> StatementSubject:
        """What a statement about this action says of it."""
        return StatementSubject(
            request=action.request,
            action_id=action.id,
            release=self.release.digest,
            governed=self.release.governed,
            resource_type=facts.resource_type if facts else "",
            resource_id=facts.resource_id if facts else "",
            label=facts.label if facts else None,
            indexed=self.release.indexed(action.request),
        )

    def base(self, program: Program, request: ActionRequest, target: Target | None) -> dict[str, object]:
        """The names that are known before anything was read."""
        return program.scope(request.params, request.tenant, target.environment if target else "")

    def now(self) -> int:
        """The store's clock."""
        return self.journal.store.now_ms()


async def verify_intent(steps: ActionExecutor, receipt: str, action_digest: str, action_id: str) -> None:
    """What goes on is built from the signed intent: its signature, its action and its digest are checked again."""
    store = steps.journal.store
    entry = await entries.find(store, receipt)
    envelope = Envelope.decode(entry.envelope) if entry is not None else None
    named = f'"actionDigest":"{action_digest}"'.encode()
    keys = {store.signer.keyid: store.signer.public}
    whose = f'"action":"{action_id}"'.encode()
    if envelope is None or not envelope.holds(keys) or named not in envelope.payload or whose not in envelope.payload:
        raise AilyusError("store_corrupt", f"the signed intent `{receipt}` does not hold")


def _of_plan(action: Action) -> dict[str, object]:
    """The fields of a statement that name the plan and what is undone; none where there is neither."""
    facts: dict[str, object] = {}
    if (step := action.step) is not None:
        facts["plan"] = PlanStepRef(
            action=step.id, step=step.key, position=step.position, of=step.size, wave=step.wave, digest=step.digest
        )
    if action.undoes:
        facts["undoes"] = action.undoes
    return facts
