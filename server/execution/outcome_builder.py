"""The outcome of an action that was sent: its status, its answer, the signed statement, and what is committed with it.

`OutcomeBuilder` takes the verdict of `reconcile` and says what follows from it (step 10): whether the agent may call
again, whether a person is told, whether the breaker counts a strike, when the gateway looks again. It decides nothing
about the effect and commits nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson

from adapters.router import channel_of
from contracts.action.observation import Channel, Observation
from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.canonical import new_id
from contracts.compiler.program import Program
from policies.decision import ResourceFacts
from policies.resource_facts import establish_facts
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.breaker import BREAKER, Trip
from receipts.journal.halt import halt_statement, new_halt
from receipts.journal.journal import Journal
from receipts.journal.outcome import Escalation, OutcomeCommit
from receipts.journal.secret_vault import NewHandles
from receipts.journal.send_transitions import record_outcome
from receipts.reconciliation.checks import stated
from receipts.reconciliation.comparison import drifted_paths
from receipts.reconciliation.outputs import refusal_of
from receipts.reconciliation.verdict import Reconciliation
from receipts.statement.action_facts import OutcomeFacts
from receipts.statement.statement import LIMITS
from server.execution.attempt import PendingEnd, SentAttempt
from server.execution.decisions import Decisions
from server.execution.evidence import attempt_of, kept, readings, response_evidence, seen
from server.execution.resolved_action import base_scope
from server.execution.routes import Routes, skipped_facts
from server.execution.statements import ActionStatements, plan_fields
from server.results.conclusion import Send, concluded

LOOKS_MS = (30_000, 120_000, 600_000, 3_600_000, 21_600_000, 86_400_000)
"""When an outcome in doubt is looked at again, after it ended; the first look comes one settle time after it."""
_STATUS: Mapping[str, Status] = {
    "confirmed": "confirmed",
    "not_applied": "not_applied",
    "diverged": "diverged",
    "contended": "unknown",
    "orphan": "unknown",
    "again": "not_applied",
    "stopped": "not_applied",
    "next_route": "not_applied",
    "stale": "not_applied",
    "uncosigned": "unavailable",
}
"""The public status of each verdict. A verdict that asks for another attempt ends here when there is none."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One attempt after its read-back: the contract and connection it is judged by, the look, and the verdict."""

    sent: SentAttempt
    program: Program
    target: Target | None
    after: Observation
    outcome: Reconciliation

    @property
    def status(self) -> Status:
        """The public status."""
        return _STATUS[self.outcome.verdict]

    @property
    def is_refused(self) -> bool:
        """Did the target say no, in words that the agent may read?"""
        return self.outcome.verdict == "not_applied" and self.sent.execution.delivery in (
            "refused",
            "declined",
            "rejected",
        )

    @property
    def is_struck(self) -> bool:
        """Does the breaker count it? A doubt, a target that answered yes and did nothing, a page that changed."""
        doubt = self.status in ("diverged", "unknown")
        lied = self.status == "not_applied" and self.sent.execution.delivery == "answered"
        return doubt or lied or self.outcome.verdict == "stopped"

    @property
    def is_failed(self) -> bool:
        """Did the route fail? Not where the application proved that it had no effect."""
        unsent = self.outcome.verdict in ("again", "next_route", "stopped")
        return unsent and self.sent.execution.delivery != "no_effect"


class OutcomeBuilder:
    """Builds outcomes under one release."""

    def __init__(self, journal: Journal, decisions: Decisions, statements: ActionStatements, routes: Routes) -> None:
        self._journal = journal
        self._decisions = decisions
        self._statements = statements
        self._routes = routes

    def outcome(self, judged: Judgement) -> PendingEnd:
        """The end of an action that was sent, as work for a commit."""
        sent, program, status, receipt = judged.sent, judged.program, judged.status, new_id("rcp")
        action, execution = sent.action, sent.execution
        drift = drifted_paths(program, sent.before, judged.after) if status == "diverged" and judged.after.ok else ()
        outcome, minted = self._sealed_outputs(action, program, judged.outcome)
        judged = replace(judged, outcome=outcome)
        answer = self._answer(judged, receipt, drift)
        after = kept(program, judged.after, self._journal.hiding)
        resource = sent.facts or _facts(judged)
        about = self._statements.about(action, resource)
        sealed = self._statements.seal(
            self._facts(judged, after, answer, drift),
            receipt,
            about,
            status,
            outcome.changed,
            _evidence(judged, after),
        )
        conclusion = OutcomeCommit(
            action=action,
            sealed=sealed,
            status=status,
            result=answer,
            held_until_ms=self._held(program, status),
            after=after if status == "confirmed" and action.step else None,
            ours=outcome.attribution == "ours",
            strike=judged.is_struck,
            trips=self._trips(action.request) if judged.is_struck else (),
            failed=judged.is_failed,
            route_trip=self._routes.trip(action.request, program, execution.route) if judged.is_failed else None,
            incident=self._incident(judged, resource),
            escalation=_escalation(action, answer),
            minted=minted,
            used_handles=bool(program.secret_inputs),
            rechecks=self._later(program, status, sent.intent.settle_ms),
        )
        return PendingEnd(action, status, answer, record_outcome(conclusion), outcome, after)

    def _answer(self, judged: Judgement, receipt: str, drift: tuple[str, ...]) -> ActionResult:
        sent, program = judged.sent, judged.program
        send = Send(
            execution=sent.execution,
            attempts=sent.intent.attempt,
            settle_ms=sent.intent.settle_ms,
            drift=drift,
        )
        answer = concluded(sent.action, program, receipt, judged.status, judged.outcome, send)
        if not judged.is_refused:
            return answer
        words = refusal_of(program, base_scope(program, sent.action.request, judged.target), sent.execution)
        if not words:
            return answer
        # the words are the target's, not ours: an agent is told so
        return replace(answer, data={"refusal": words}, from_outside=(*(answer.from_outside or ()), "data"))

    def _facts(
        self, judged: Judgement, after: Observation, answer: ActionResult, drift: tuple[str, ...]
    ) -> OutcomeFacts:
        sent, program, outcome = judged.sent, judged.program, judged.outcome
        return OutcomeFacts(
            intent=sent.intent.receipt_id,
            attempts=tuple(attempt_of(e, program.secretive) for e in sent.attempts),
            checks=stated(outcome.checks),
            after=seen(after) if sent.execution.delivery != "not_sent" else {},
            attribution=outcome.attribution,
            observer=_observer(judged),
            reason=str(outcome.reason),
            answer=answer.digest,
            escalated_to=answer.escalated_to,
            limits=LIMITS,
        ).also({**({"drifted": drift} if drift else {}), **plan_fields(sent.action), **skipped_facts(sent.skipped)})

    def _incident(self, judged: Judgement, facts: ResourceFacts | None) -> str | None:
        """Where the outcome is in doubt, the pseudonym of its resource, so that policies can hold back what is next."""
        if judged.status not in ("diverged", "unknown") or facts is None or not facts.resource_id:
            return None
        return self._decisions.resource(judged.sent.action.request, facts)

    def _held(self, program: Program, status: Status) -> int:
        """Until when the same call is this action. INVARIANT: what is in doubt is not begun anew beside its looks."""
        if status in ("not_applied", "unavailable"):
            return 0
        window = program.contract.repeat_window
        return self._now() + (max(window, LOOKS_MS[-1]) if status == "unknown" else window)

    def _later(self, program: Program, status: Status, settle_ms: int) -> tuple[int, ...]:
        """When to look again: as its contract asks at what is confirmed, on a schedule at what is unknown."""
        now = self._now()
        if status == "unknown":
            return tuple(now + after for after in (max(settle_ms, 1_000), *LOOKS_MS))  # guard: doubt is looked at again
        return tuple(now + t for t in program.contract.recheck) if status == "confirmed" else ()

    def _sealed_outputs(
        self, action: Action, program: Program, outcome: Reconciliation
    ) -> tuple[Reconciliation, NewHandles | None]:
        """Secret outputs leave as handles; the values go into the vault with the outcome's commit."""
        secret = {n: (str(outcome.outputs[n]), to) for n, to in program.secret_outputs.items() if n in outcome.outputs}
        if not secret:
            return outcome, None
        plan = action.step.plan_id if action.step else None
        handles, minted = self._journal.handles.seal(action.request, plan, action.id, secret, self._now())
        return replace(outcome, outputs={**outcome.outputs, **handles}), minted

    def _trips(self, request: ActionRequest) -> tuple[Trip, ...]:
        """The halts of contract and connection that the commit makes if this is the third bad outcome in a row."""
        trips = []
        for halt in (
            new_halt("contract", request.contract, False, BREAKER, "three bad outcomes in a row", self._now()),
            new_halt("connection", request.connection, False, BREAKER, "three bad outcomes in a row", self._now()),
        ):
            trips.append(Trip(halt, halt_statement(self._journal.notary, halt, "halted")))
        return tuple(trips)

    def _now(self) -> int:
        return self._journal.store.now_ms()


def _facts(judged: Judgement) -> ResourceFacts | None:
    """The resource's facts as they were before, for an attempt of a process that died."""
    sent, target = judged.sent, judged.target
    facts = establish_facts(judged.program, sent.action.request, target, sent.before) if target else None
    return facts if isinstance(facts, ResourceFacts) else None


def _escalation(action: Action, answer: ActionResult) -> Escalation | None:
    # the escalation of a step is its plan's: one person is told once
    return Escalation(new_id("esc"), answer.escalated_to) if answer.escalated_to and not action.step else None


def _observer(judged: Judgement) -> Channel:
    program, target = judged.program, judged.target
    return channel_of(program.reads, target, program, judged.sent.execution.route) if target else judged.after.channel


def _evidence(judged: Judgement, after: Observation) -> dict[str, bytes]:
    sent = judged.sent
    evidence = readings("after", after) if sent.execution.delivery != "not_sent" else {}
    evidence["response"] = response_evidence(sent.execution, judged.program.secretive)
    evidence["outputs"] = orjson.dumps(dict(judged.outcome.outputs))
    for attempt in sent.attempts:
        evidence |= {f"page/{attempt.attempt}/{name}": data for name, data in attempt.evidence.items()}
    return evidence
