"""One decided request, from intent to outcome: steps 6 to 10 of the path, for an action and for a plan's step.

`ActionExecutor` commits the intent and acts (`send`), then reads back, compares and signs (`finish`). `Pipeline` calls
it for single actions, `Plans` for steps, `Compensation` for undos. What it needs for that are its parts: `decisions`
asks Cedar, `ends` builds what ends without a send, `statements` signs. It is not the way in: it parses no call, counts
no approval and asks no person. One executor works under one release; an action keeps the one that it began with.

- A request MUST leave only by the order that the commit of its signed intent gave (invariant 1).
- Another attempt MUST follow a new look that equals the state before, a new decision and a new intent (invariants 3 and
  4).
- What was sent MUST be `confirmed` only by `reconcile`, over a later read (invariant 6).
- After a crash an action MUST go on from its signed intent, whose signature is checked again (`take_over`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from opentelemetry.trace import SpanKind

from adapters.adapter import Adapter
from contracts.action.dispatch import Dispatch, ReadPermit
from contracts.action.observation import Execution, Observation
from contracts.action.request import Caller
from contracts.compiler.expressions import Fault
from contracts.errors import AilyusError
from policies.after_review import after_review_roles
from policies.decision import DecisionRecord, Denied, Unavailable
from policies.release import Release
from receipts.action.action import Action, Intent
from receipts.action.action_result import ActionResult
from receipts.journal.intent import Busy, DecisionBasis, IntentCommit, Stale
from receipts.journal.journal import Journal
from receipts.log.signing import Envelope
from receipts.reconciliation.reconciliation import reconcile
from receipts.statement import entries
from receipts.statement.entries import LogEntry
from receipts.store.transaction import Work
from receipts.tables import after_reviews
from server.execution.attempt import OrphanRemoval, PendingEnd, PermittedAction, Redecision, SentAttempt
from server.execution.decisions import Decisions, Observe, unobserved
from server.execution.fair_limiter import FairLimiter
from server.execution.intent_builder import IntentBuilder
from server.execution.intent_quorum import IntentQuorum
from server.execution.outcome_builder import Judgement, OutcomeBuilder
from server.execution.patience import Patience, observe_patiently
from server.execution.read_back import ReadBack
from server.execution.redecision import is_as_before, may_begin
from server.execution.resolved_action import ResolvedAction, base_scope, resolve
from server.execution.routes import Routes
from server.execution.statements import ActionStatements
from server.execution.token_retry import with_another_token
from server.execution.unsent_end import UnsentEnds
from server.observability import metrics, tracing

MAX_ATTEMPTS = 3
FIRST_RETRY_MS = 100
"""Before a further attempt, doubled for each, unless the target names a time itself (`Retry-After`, RFC 9110)."""


class ActionExecutor:
    """Carries single requests under one live release."""

    def __init__(
        self,
        journal: Journal,
        release: Release,
        adapter: Adapter,
        current: Callable[[Caller], Awaitable[Caller | None]],
        limiter: FairLimiter,
        observe: Observe = unobserved,
    ) -> None:
        self.journal = journal
        self.release = release
        self.adapter = adapter
        self.current = current
        self.limiter = limiter
        self.decisions = Decisions(journal, release, observe)
        self.statements = ActionStatements(journal, release)
        self.ends = UnsentEnds(journal, release, self.statements)
        self.routes = Routes(journal)
        self._intents = IntentBuilder(journal, release, self.decisions, self.statements, self.routes)
        self._quorum = IntentQuorum(journal)
        self._read_back = ReadBack(journal, self.observe)
        self._outcomes = OutcomeBuilder(journal, self.decisions, self.statements, self.routes)

    @property
    def basis(self) -> DecisionBasis:
        """What a decision that begins now is made under: the commit of its intent compares both."""
        return DecisionBasis(self.release.digest, self.journal.epoch)

    def now(self) -> int:
        """The store's clock, in milliseconds since the epoch."""
        return self.journal.store.now_ms()

    def resolve(self, action: Action) -> ResolvedAction | Denied:
        """The action with its contract, its connection and leave to read."""
        with metrics.time_step("early_decision"):
            resolved = resolve(self.release, action)
        if isinstance(resolved, Denied):
            metrics.record_decision(action.request.contract, "denied")
            self.decisions.observe(action.id, action.request, resolved.record)
        return resolved

    async def observe(self, permit: ReadPermit) -> Observation:
        """Read the source of truth once."""
        request = permit.request
        with (
            metrics.time_step("look", request.connection),
            tracing.span("observe", SpanKind.CLIENT, {"ailyus.contract": request.contract}),
        ):
            observation = await self.adapter.observe(permit)
        metrics.record_outage(observation.outage)
        return observation

    def reviews(self, action: Action, record: DecisionRecord) -> list[Work[None]]:
        """For the commit that lets an action go: the reviews that it owes, as only a break-glass policy permits it."""
        roles = after_review_roles(self.release.decider.bundle.slices[action.request.contract], record)
        notary = self.journal.notary
        # guard: a review is owed
        return [partial(after_reviews.ask, notary=notary, action=action, role=role) for role in sorted(roles)]

    async def end(self, ended: PendingEnd, beside: Sequence[Work[None]] = ()) -> ActionResult:
        """Commit an end by itself, or with what else is to be true then."""
        with metrics.time_step("receipt"):
            await self.journal.commit(ended.action, [ended.work, *beside])
        metrics.record_outcome(ended.action.request.contract, ended.status)
        return ended.result

    async def deny(self, action: Action, denied: Denied, code: str | None = None) -> ActionResult:
        """End an action with a no, and commit it."""
        return await self.end(self.ends.deny(action, denied, code))

    async def take_over(self, action: Action) -> Intent:
        """The open intent of an action whose process died, verified, under a new fence."""
        intent = await self.journal.open_intent(action.id)
        if intent is None:
            raise AilyusError("store_corrupt", f"the action `{action.id}` runs without an intent")
        intent = await self._quorum.resumed(intent, *await self._verified(intent, action.id))
        return replace(intent, fence=await self.journal.take_over(action))

    async def _verified(self, intent: Intent, action_id: str) -> tuple[LogEntry, Envelope]:
        """What goes on is built from the signed intent: its signature, its action and its digest are checked again."""
        store = self.journal.store
        entry = await entries.find(store, intent.receipt_id)
        envelope = Envelope.decode(entry.envelope) if entry is not None else None
        is_ours = entry is not None and envelope is not None and store.keys.holds(envelope, entry.leaf_index)
        # canonical JSON has no spaces, so that a member stands there in one form only
        named = f'"actionDigest":"{intent.action_digest}"'.encode(), f'"action":"{action_id}"'.encode()
        if entry is None or envelope is None or not is_ours or not all(one in envelope.payload for one in named):
            raise AilyusError("store_corrupt", f"the signed intent `{intent.receipt_id}` does not hold")
        return entry, envelope

    # -- steps 6 and 7 -------------------------------------------------------------------------------------------------

    async def send(
        self,
        ready: PermittedAction,
        earlier: Sequence[Work[None]] = (),
        attempts: tuple[Execution, ...] = (),
        route: int | None = None,
    ) -> SentAttempt | Denied | Busy | Stale:
        """Commit the signed intent; out of that commit comes the one-use order to act; act.

        By the first route whose breaker is closed, unless one is named. `Busy` and `Stale`: nothing was committed.
        """
        action, record, program = ready.action, ready.permitted.record, ready.resolved.program
        choice = self.routes.choose(action.request, program, ready.resolved.target, route or 0)
        if choice.route is None:
            closed = f"no route of `{action.request.contract}` is open: each is halted, or its breaker is"
            return Unavailable(closed, record, "no_open_route", action.request.connection)
        if lacks := await self.adapter.lacks(action.request, choice.route):
            return Unavailable(lacks.sentence, record, lacks.outage, lacks.connection, lacks.frees_seconds)
        if unwitnessed := await self._quorum.lacks(action.request, program, record):
            return unwitnessed
        rendered = self._intents.rendered(ready, choice.route)
        if isinstance(rendered, Fault):
            return Denied(f"the request cannot be built: {rendered.sentence}", record)
        commit = self._intents.intent(ready, rendered, attempts, choice)
        with metrics.time_step("intent"):
            dispatch = await self.journal.intend(commit, [*earlier, *self.reviews(action, record)])
        if not isinstance(dispatch, Dispatch):
            return dispatch
        # guard: no send before its cosignatures
        execution = await self._quorum.unsent(commit, dispatch, program) or await self._execute(dispatch)
        since = attempts[0].keyed_since_ms if attempts else execution.started_ms
        execution = replace(execution, keyed_since_ms=since)
        # INVARIANT 4: where an attempt before may have taken effect, the version may be old because of it
        doubted = any(earlier.delivery not in ("no_effect", "not_sent") for earlier in attempts)
        if execution.stale and doubted:  # guard: an old version after a doubt
            execution = replace(execution, delivery="in_doubt", stale=False)
        return SentAttempt(
            replace(action, state="running", fence=dispatch.fence),
            _intent_of(commit, dispatch),
            ready.before,
            execution,
            (*attempts, execution),
            ready.permitted.facts,
            choice.skipped,
        )

    async def _execute(self, dispatch: Dispatch) -> Execution:
        about: dict[str, str | int] = {
            "ailyus.contract": dispatch.request.contract,
            "ailyus.connection": dispatch.request.connection,
            "ailyus.attempt": dispatch.attempt,
            "ailyus.route": dispatch.route,
        }
        with (
            metrics.time_step("send", dispatch.request.connection),
            tracing.span("attempt", SpanKind.CLIENT, about) as own,
        ):
            execution = await self.adapter.execute(dispatch)
            if own is not None:
                own.set_attribute("ailyus.delivery", execution.delivery)
                if execution.response is not None:
                    own.set_attribute("http.response.status_code", execution.response.status)
        metrics.record_attempt(dispatch, execution)
        return execution

    # -- steps 8 to 10 -------------------------------------------------------------------------------------------------

    async def finish(
        self, sent: SentAttempt, redecision: Redecision, orphans: OrphanRemoval | None = None
    ) -> PendingEnd:
        """Read until it settles, reconcile, try again where that is provably safe, sign and answer."""
        while True:
            judged = await self._judged(sent)
            orphan = judged.outcome.orphan
            if orphans and orphan is not None and await orphans.remove_orphan(sent, orphan):
                again = replace(judged.outcome, verdict="again", changed=False, reason="what it made was taken back")
                judged = replace(judged, outcome=again)
            further = await self._retry(with_another_token(judged), redecision)
            if further is None:
                return self._outcomes.outcome(judged)
            sent = further

    async def _judged(self, sent: SentAttempt) -> Judgement:
        request = sent.action.request
        program, target = self.release.catalog.programs[request.contract], self.release.target(request)
        with metrics.time_step("read_back"):
            after = await self._read_back.settled(sent, program, target)
        exclusive = target is not None and target.exclusive
        # only a settle time that was kept whole proves what the contract says of it
        bounded = program.contract.bound_ms is not None and sent.intent.settle_ms >= program.contract.bound_ms
        base = base_scope(program, request, target)
        outcome = reconcile(program, base, sent.before, sent.execution, after, exclusive, bounded)
        return Judgement(sent, program, target, after, outcome)

    async def _retry(self, judged: Judgement, redecision: Redecision) -> SentAttempt | None:
        """Another attempt or route, where provably safe: a new look, decision, intent and fence."""
        sent, target = judged.sent, judged.target
        if judged.outcome.verdict not in ("again", "next_route", "stale") or target is None:
            return None
        if sent.intent.attempt >= MAX_ATTEMPTS:
            return None
        route = self.routes.after(sent.action.request, judged.program, target, sent.execution, judged.outcome.verdict)
        if route is None:
            return None
        await asyncio.sleep((sent.execution.retry_after_ms or FIRST_RETRY_MS * 2**sent.intent.attempt) / 1000)
        patience = Patience(target)
        while (ready := await self._still_permitted(sent, redecision)) is not None:
            further = await self.send(ready, (), sent.attempts, route)
            if isinstance(further, SentAttempt):
                return further
            if not (isinstance(further, Unavailable) and await patience.bears(further.outage)):
                return None
        return None

    async def _still_permitted(self, sent: SentAttempt, redecision: Redecision) -> PermittedAction | None:
        """INVARIANT 3 and 4: agent, halts, state and policies, all asked anew between two sends."""
        basis = self.basis
        caller = await self.current(sent.action.caller)
        if caller is None or self.journal.controls.halted(sent.action.request, undo=bool(sent.action.undoes)):
            return None
        resolved = self.resolve(replace(sent.action, caller=caller))
        if isinstance(resolved, Denied):
            return None
        before, moved = await observe_patiently(self.observe, resolved.permit, resolved.target), sent.execution.stale
        if not before.ok or not (moved or is_as_before(resolved.program, sent.before, before)):
            return None
        if moved and not may_begin(resolved, before):
            return None
        permitted = await redecision.permit(resolved, before, moved)
        return PermittedAction(resolved, before, permitted, (), basis) if permitted else None


def _intent_of(commit: IntentCommit, dispatch: Dispatch) -> Intent:
    """The intent as it stands in the store now."""
    return Intent(
        dispatch.action_id,
        dispatch.step,
        commit.attempt,
        commit.route,
        dispatch.fence,
        dispatch.deadline_ms,
        commit.settle_ms,
        dispatch.action_digest,
        dispatch.target_digest,
        commit.before,
        commit.sealed.index.id,
    )
