"""The durable journal of every action: guarded transitions, one statement each, and the orders that come out of them.

Correctness lives in these transitions, never in who called them. receipts/README.md has the table of states. `Journal`
makes the transitions, `JournalQueries` asks what stands there. Server code calls it (`Pipeline`, `ActionExecutor`,
`Plans`, `Inbox`, `RecoveryLoop`), and adapters ask it at the gate. It does not look, decide or send. The store's owner
has exactly one.

- A transition MUST compare id, state and fence in one guarded statement; where a row moved on, nothing is written.
- An order (`Dispatch`) MUST exist only after the commit of its signed intent (invariant 1).
- `enter` MUST let an order pass once, to the owner of the fence, under the live epoch, before its deadline (invariants
  1 and 3).
- An approval MUST be used at most once, and the same call MUST be one open action (invariants 2 and 5).
- What another owner has under lease MUST be left alone.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import orjson

from contracts.action.dispatch import Dispatch, MayObserve
from contracts.action.request import ActionRequest
from contracts.errors import AilyusError
from contracts.hiding import Hiding
from policies.approval import SignedApproval
from policies.passkey import sign_count
from receipts.action.action import Action, Intent, PlanStep
from receipts.action.action_form import pack_caller, pack_observation, pack_request
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.breaker import trip_route
from receipts.journal.controls import Controls
from receipts.journal.handles import Handles, use
from receipts.journal.intent import Busy, DecisionBasis, IntentCommit, NotCommitted, Stale, check_limits
from receipts.journal.outcome import OutcomeCommit, beside
from receipts.journal.queries import JournalQueries
from receipts.journal.registry import Registry, count_use
from receipts.journal.roles import Roles
from receipts.log.signing import Envelope, Signer
from receipts.statement.ledger import Ledger
from receipts.statement.statement import SignedStatement
from receipts.store.row import blob, integer
from receipts.store.store import Change, Store
from receipts.store.transaction import Conflict, Txn, Work

T = TypeVar("T")
LEASE_MARGIN_MS = 1_000
LEASE_MS = 5_000
"""How long what is under way stays its owner's without a renewal; an intent extends it to its deadline and a second."""
MAX_PENDING = (5, 50)
"""Requests that may wait for people: of one agent for one person, and of one tenant."""
# guard: live release
_LIVE = "(SELECT value FROM meta WHERE key = 'release') = ? AND (SELECT value FROM meta WHERE key = 'epoch') = ?"

_WITHDRAWN = "SELECT {} FROM statements WHERE action_id = ? AND kind = 'decision' AND status = 'withdrawn'"


class Journal(JournalQueries):
    """Every transition of every action. The store's owner has exactly one."""

    def __init__(
        self, store: Store, signer: Signer, secret_key: Path | None = None, pending: tuple[int, int] = MAX_PENDING
    ) -> None:
        self.ledger = Ledger(store)
        controls = Controls(store, self.ledger)
        registry = Registry(store, controls)
        self.handles = Handles(store, secret_key or store.path.with_suffix(".secrets"))
        super().__init__(store, registry, Hiding(self.handles.derived(b"ailyus observed values")))
        self.controls = controls
        self.registry = registry
        self.notary = registry.notary
        self.roles = Roles(store, self.ledger, self.notary)
        self._pending = pending
        self._fences: dict[str, int] = {}
        self._entered: dict[str, set[tuple[int, int]]] = {}
        self._plans: dict[str, int] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}

    async def load(self) -> None:
        """Read what is committed: the epoch, live halts and incidents, tenants' keys. Before anything is asked."""
        if self.store.shared:
            await self.handles.check()
        await self.ledger.load()
        await self.registry.load()
        await self.controls.refresh()

    async def follow(self) -> None:
        """From now on hear what other replicas commit: their halts, and transitions that somebody waits for here."""
        await self.store.follow(self._heard)

    async def _heard(self, change: Change) -> None:
        await self.controls.look(everything=change.controls)
        self._wake(self._watchers if change.ids is None else change.ids)

    @property
    def epoch(self) -> int:
        """The live control epoch."""
        return self.controls.epoch

    def may_observe(self, intent: Intent, action: Action, seconds: float) -> MayObserve:
        """Leave to read back or probe, from a committed intent."""
        if intent.action_digest != action.request.action_digest:
            raise AilyusError("internal", "the journal's request is not the one that its intent names")
        return MayObserve(action.request, time.monotonic() + seconds)

    def may_check(self, plan: ActionRequest, seconds: float) -> MayObserve:
        """Leave to look at a plan's health, with the reads that its author declared."""
        return MayObserve(plan, time.monotonic() + seconds)

    # -- transitions ------------------------------------------------------------------------------------------------

    async def ask(
        self, action: Action, sealed: SignedStatement, asked: bytes, result: ActionResult, expires_ms: int
    ) -> None:
        """new → waiting: one request to people, unless too many wait already."""

        def work(txn: Txn) -> None:
            request = action.request
            ((pair,),) = txn.query(
                "SELECT count(*) FROM actions WHERE state = 'waiting' AND tenant = ? AND agent = ? AND person = ?",
                request.tenant,
                request.agent,
                request.person,
            )
            ((tenant,),) = txn.query(
                "SELECT count(*) FROM actions WHERE state = 'waiting' AND tenant = ?", request.tenant
            )
            if integer(pair) >= self._pending[0] or integer(tenant) >= self._pending[1]:
                raise AilyusError("too_many_pending", "too many requests wait for a person")
            self.insert(txn, action, "waiting", "approval_required", result, asked=asked, expires_ms=expires_ms)
            sealed.insert(txn)

        await self.write((action.id,), work)

    async def end(
        self,
        action: Action,
        sealed: SignedStatement,
        status: Status,
        result: ActionResult,
        held_until_ms: int,
    ) -> None:
        """new, waiting or ready → ended, with nothing sent."""
        await self.write((action.id, action.watched), self.ending(action, sealed, status, result, held_until_ms))

    def ending(
        self,
        action: Action,
        sealed: SignedStatement,
        status: Status,
        result: ActionResult,
        held_until_ms: int,
    ) -> Work[None]:
        """The same, as work for a commit that a plan shares with its next step."""

        def work(txn: Txn) -> None:
            if action.step:
                self.hold_plan(txn, action.step, txn.now_ms)
            if action.state == "new":
                self.insert(txn, action, "ended", status, result, held_until_ms=held_until_ms)
            else:
                txn.write(
                    "UPDATE actions SET state = 'ended', status = ?, result = ?, held_until_ms = ?, updated_ms = ?,"
                    " release = ? WHERE id = ? AND fence = ? AND state IN ('waiting', 'ready')",  # guard: fence
                    status,
                    result.packed,
                    held_until_ms,
                    txn.now_ms,
                    self.release,
                    action.id,
                    action.fence,
                )
            sealed.insert(txn)

        return work

    async def withdrawn(self, action_id: str) -> list[str]:
        """The approvals of an action that were taken back, as the log says."""
        rows = await self.store.read(_WITHDRAWN.format("envelope"), action_id)
        predicates = [orjson.loads(Envelope.decode(blob(row[0])).payload)["predicate"] for row in rows]
        return [str(predicate.get("approval")) for predicate in predicates]

    async def approve(
        self, action: Action, approval: SignedApproval, sealed: SignedStatement, ready: bool, withdrawn: int
    ) -> None:
        """Record an approval; waiting → ready once enough are there. A clock that runs behind counts nothing.

        `withdrawn`: how many approvals of the action had been taken back when this one was found to be none of them.
        """

        def work(txn: Txn) -> None:
            txn.require_clock()
            # guard: one that is taken back meanwhile
            if txn.expect((withdrawn,), _WITHDRAWN.format("count(*)"), action.id) != (withdrawn,):
                raise Conflict
            binding = approval.binding
            if approval.assertion is not None:
                count_use(txn, approval.keyid, sign_count(approval.assertion))
            txn.write(
                "INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?)",
                approval.id,
                action.id,
                binding.approver,
                binding.role,
                approval.model_dump_json().encode(),
                txn.now_ms,
            )
            txn.write(
                # guard: fence
                "UPDATE actions SET state = ?, updated_ms = ? WHERE id = ? AND fence = ? AND state = 'waiting'",
                "ready" if ready else "waiting",
                txn.now_ms,
                action.id,
                action.fence,
            )
            sealed.insert(txn)

        await self.write((action.id,), work)

    async def withdraw(self, action: Action, approval_id: str, sealed: SignedStatement) -> None:
        """Take an approval back: ready → waiting. Raises `Conflict` once it is used or the action moved on."""

        def work(txn: Txn) -> None:
            # INVARIANT: an approval that an intent used stays
            txn.write(
                "DELETE FROM approvals WHERE id = ?1 AND action_id = ?2"
                " AND NOT EXISTS (SELECT 1 FROM approval_uses WHERE approval_id = ?1)",
                approval_id,
                action.id,
            )
            txn.write(
                "UPDATE actions SET state = 'waiting', updated_ms = ? WHERE id = ? AND fence = ?"  # guard: fence
                " AND state IN ('waiting', 'ready')",
                txn.now_ms,
                action.id,
                action.fence,
            )
            sealed.insert(txn)

        await self.write((action.id,), work)
        await self.ledger.follow()

    async def intend(self, intention: IntentCommit, earlier: Sequence[Work[None]] = ()) -> Dispatch | Busy | Stale:
        """The commit: nothing was sent before this line. `Busy` and `Stale` say why nothing was written.

        `earlier` is committed with it: what a plan's steps before this one ended with.
        """
        monotonic = time.monotonic()
        action, request = intention.action, intention.action.request

        def work(txn: Txn) -> tuple[int, bool]:
            before = txn.control_changes
            for one in earlier:
                one(txn)
            return self._intend(txn, intention), txn.control_changes > before

        try:
            fence, controls_changed = await self.write((action.id, action.watched), work)
        except NotCommitted as refused:
            return refused.why
        except Conflict:
            return Stale(moved=True)
        self._fences[action.id] = fence
        if controls_changed or not self.controls.is_fresh:
            await self.controls.refresh()
        return Dispatch(
            action_id=action.id,
            request=request,
            action_digest=request.action_digest,
            target_digest=request.target_digest,
            step=1,
            attempt=intention.attempt,
            route=intention.route,
            fence=fence,
            epoch=intention.basis.epoch,
            deadline_ms=intention.deadline_ms,
            deadline_monotonic=monotonic + (intention.deadline_ms - self.store.now_ms()) / 1000,
            idempotency_key=f"{action.id}-1",
            settle_ms=intention.settle_ms,
            rendered=intention.rendered,
        )

    def _intend(self, txn: Txn, wanted: IntentCommit) -> int:
        txn.require_clock()
        action, request = wanted.action, wanted.action.request
        if wanted.deadline_ms - wanted.timeout_ms - txn.now_ms > 60_000 or txn.now_ms >= wanted.deadline_ms:
            raise Conflict
        if wanted.attempt > 1:
            txn.write(
                "UPDATE intents SET state = ? WHERE action_id = ? AND state = 'intent' AND fence = ?",  # guard: fence
                "failed" if wanted.former_failed else "done",
                action.id,
                action.fence,
            )
        if action.step:
            self.hold_plan(txn, action.step, wanted.deadline_ms)
        # first: the same call elsewhere is the same action, it is not waited for as somebody else's
        fence = self._claim(txn, action, wanted.result, wanted.deadline_ms, wanted.basis, wanted.spent)
        check_limits(txn, wanted)
        user = action.step.id if action.step else action.id
        for approval in wanted.approvals:
            txn.write("INSERT INTO approval_uses VALUES (?, ?, ?)", approval.id, user, fence)
        use(txn, request, action.step.id if action.step else None, action.id, wanted.rendered.handles)
        txn.own(
            "INSERT INTO intents (action_id, step, attempt, route, fence, epoch, state, deadline_ms, settle_ms,"
            " action_digest, target_digest, request_digest, before, receipt_id, connection, lock, at_ms, via)"
            " VALUES (?, 1, ?, ?, ?, ?, 'intent', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            action.id,
            wanted.attempt,
            wanted.route,
            fence,
            wanted.basis.epoch,
            wanted.deadline_ms,
            wanted.settle_ms,
            request.action_digest,
            request.target_digest,
            wanted.rendered.digest,
            pack_observation(wanted.before),
            wanted.sealed.index.id,
            request.connection,
            wanted.lock,
            txn.now_ms if wanted.limits.per_minute else 0,
            wanted.via,
        )
        wanted.sealed.insert(txn)
        if wanted.trip:
            trip_route(txn, wanted.trip)
        return fence

    def hold_plan(self, txn: Txn, step: PlanStep, deadline_ms: int) -> None:
        """Inside a step's commit: its plan still is whose it was, and stays so until the step's deadline."""
        # INVARIANT: the steps of a plan that was taken over match no row
        txn.write(
            "UPDATE actions SET updated_ms = ?2,"
            " lease_until_ms = CASE WHEN lease_until_ms < ?1 THEN ?1 ELSE lease_until_ms END"
            " WHERE id = ?3 AND fence = ?4 AND state = 'running'",  # guard: fence, the plan's own owner
            max(deadline_ms + LEASE_MARGIN_MS, txn.now_ms + LEASE_MS),
            txn.now_ms,
            step.id,
            step.fence,
        )

    def _claim(
        self,
        txn: Txn,
        action: Action,
        result: ActionResult,
        deadline_ms: int,
        basis: DecisionBasis,
        spent: int = 0,
    ) -> int:
        """One guarded statement over id, state, fence, live release and control epoch; returns the new fence.

        Of an action that is new, `check_limits` compares the release and the epoch.
        """
        # INVARIANT: the release that decided, not whichever is live by now
        live = (basis.release, str(basis.epoch))
        lease_ms = max(deadline_ms + LEASE_MARGIN_MS, txn.now_ms + LEASE_MS)
        if action.state == "new":
            self.insert(
                txn, action, "running", "running", result, fence=1, lease_ms=lease_ms, sent_ms=txn.now_ms, spent=spent
            )
            return 1
        txn.write(
            "UPDATE actions SET state = 'running', status = 'running', fence = fence + 1, lease_until_ms = ?,"
            " result = ?, release = ?, updated_ms = ?, spent = ?,"
            " sent_ms = CASE sent_ms WHEN 0 THEN ? ELSE sent_ms END"
            " WHERE id = ? AND fence = ? AND state = ? AND state IN ('waiting', 'ready', 'running')"  # guard: fence
            # INVARIANT: what another owner has under lease is left alone
            f" AND (lease_until_ms <= ? OR ? = 1) AND {_LIVE}",  # guard: lease
            lease_ms,
            result.packed,
            self.release,
            txn.now_ms,
            spent,
            txn.now_ms,
            action.id,
            action.fence,
            action.state,
            txn.now_ms,
            int(self._fences.get(action.id) == action.fence),
            *live,
        )
        return action.fence + 1

    async def end_leases(self) -> None:
        """Taking a store's lock ends whatever its dead owner held. Among replicas leases end by themselves."""
        await self.store.write(
            lambda txn: txn.write("UPDATE actions SET lease_until_ms = 0 WHERE state = 'running'", rows=None)
        )

    def hold(self, plan_id: str, fence: int | None) -> None:
        """A plan is under way here, under this fence; None: no longer."""
        if fence is None:
            self._plans.pop(plan_id, None)
        else:
            self._plans[plan_id] = fence

    async def renew(self, carried: Collection[str]) -> None:
        """Keep the leases of what is under way here, in one statement for all of it."""
        fences = {**self._fences, **self._plans}
        held = [(action, fences[action]) for action in carried if action in fences]

        def work(txn: Txn) -> None:
            until = txn.now_ms + LEASE_MS
            # INVARIANT: only the owner of the fence renews
            txn.many(
                # guard: fence
                "UPDATE actions SET lease_until_ms = ?1 WHERE id = ?2 AND fence = ?3 AND state = 'running'"
                " AND lease_until_ms < ?1",
                [(until, action, fence) for action, fence in held],
            )

        if self.store.shared and held:  # guard: a lease that is renewed
            await self.store.write(work)

    async def take(self, action: Action) -> int:
        """Take a running action over whose lease has ended: fence + 1, so that the old owner's writes match no row."""

        def work(txn: Txn) -> int:
            txn.require_clock()
            txn.write(
                "UPDATE actions SET fence = fence + 1, lease_until_ms = ?, updated_ms = ?"
                " WHERE id = ? AND fence = ? AND state = 'running' AND lease_until_ms <= ?",  # guard: fence, lease
                txn.now_ms + LEASE_MS,
                txn.now_ms,
                action.id,
                action.fence,
                txn.now_ms,
            )
            txn.write(
                # guard: fence
                "UPDATE intents SET fence = fence + 1 WHERE action_id = ? AND fence = ? AND state = 'intent'",
                action.id,
                action.fence,
            )
            return action.fence + 1

        fence = await self.write((action.id,), work)
        self._fences[action.id] = fence
        return fence

    async def conclude(self, conclusion: OutcomeCommit) -> None:
        """running → ended: outcome, receipt and its proof in one commit. An old owner's write matches no row."""
        await self.commit(conclusion.action, [self.concluding(conclusion)])

    def concluding(self, end: OutcomeCommit) -> Work[None]:
        """The same, as work for a commit that a plan shares with its next step."""

        def work(txn: Txn) -> None:
            action = end.action
            txn.own(
                "UPDATE intents SET state = ?, after = ?, ours = ?"
                " WHERE action_id = ? AND fence = ? AND state = 'intent'",  # guard: fence
                "escalated" if end.status == "unknown" else "failed" if end.failed else "done",
                pack_observation(end.after) if end.after else None,
                int(end.ours),
                action.id,
                action.fence,
            )
            txn.own(
                "UPDATE actions SET state = 'ended', status = ?, result = ?, held_until_ms = ?, updated_ms = ?,"
                " strike = ? WHERE id = ? AND fence = ? AND state = 'running'",  # guard: fence
                end.status,
                end.result.packed,
                end.held_until_ms,
                txn.now_ms,
                int(end.strike),
                action.id,
                action.fence,
            )
            if action.step:
                self.hold_plan(txn, action.step, txn.now_ms)
            end.sealed.insert(txn)
            beside(txn, end)

        return work

    async def commit(self, action: Action, works: Sequence[Work[None]]) -> None:
        """Several transitions of one action, or of one plan and its steps, in one commit."""

        def work(txn: Txn) -> bool:
            before = txn.control_changes
            for one in works:
                one(txn)
            return txn.control_changes > before

        if await self.write((action.id, action.watched), work):
            await self.controls.refresh()
        self.forget(action.id)

    def forget(self, action_id: str) -> None:
        """Nothing of this action is sent any more: its orders are void."""
        self._fences.pop(action_id, None)
        self._entered.pop(action_id, None)

    # -- the gate: asked directly before the first byte --------------------------------------------------------------

    def enter(self, dispatch: Dispatch) -> str | None:
        """Use an order up; the reason why it may not act, or None."""
        entered = self._entered.setdefault(dispatch.action_id, set())
        # INVARIANT: an order is used once, by the owner of the fence, under the live epoch, before its deadline.
        if (dispatch.step, dispatch.attempt) in entered:  # guard: single use of an order
            return "this order was used already"
        if self._fences.get(dispatch.action_id) != dispatch.fence:
            return "another owner holds this action"
        if dispatch.epoch != self.epoch:  # guard: control epoch
            return "the control epoch moved on"
        if not self.controls.is_fresh:  # guard: an epoch that is not known any more
            return "whether it was stopped meanwhile is not known"
        if time.monotonic() >= dispatch.deadline_monotonic:  # guard: deadline
            return "the deadline has passed"
        entered.add((dispatch.step, dispatch.attempt))
        return None

    async def reveal(self, dispatch: Dispatch, handle: str, destination: str) -> str | None:
        """The value behind a handle, for an order whose committed intent used it up."""
        return await self.handles.open(handle, destination, dispatch.action_id)

    # -- waiting for a change ----------------------------------------------------------------------------------------

    @contextmanager
    def watching(self, action_id: str) -> Iterator["Watch"]:
        """Watch an action: what is committed from here on is not missed, whatever is read in between."""
        watch = Watch()
        self._watchers.setdefault(action_id, set()).add(watch.event)
        try:
            yield watch
        finally:
            watchers = self._watchers.get(action_id, set())
            watchers.discard(watch.event)
            if not watchers:
                self._watchers.pop(action_id, None)

    def _wake(self, ids: Iterable[str]) -> None:
        for action_id in ids:
            for event in self._watchers.get(action_id, ()):
                event.set()

    def insert(
        self,
        txn: Txn,
        action: Action,
        state: str,
        status: Status,
        result: ActionResult,
        *,
        fence: int = 0,
        lease_ms: int = 0,
        asked: bytes | None = None,
        expires_ms: int = 0,
        held_until_ms: int = 0,
        sent_ms: int = 0,
        spent: int = 0,
    ) -> None:
        """Inside a commit: the row of an action that is new."""
        request, step = action.request, action.step
        named = request.kind == "write" and step is None and not action.preview and not action.undoes
        txn.own(
            "INSERT INTO actions (id, call_key, tenant, agent, person, contract, state, status, fence, lease_until_ms,"
            " release, request, caller, asked, result, created_ms, updated_ms, expires_ms, held_until_ms, plan_id,"
            " position, undoes, plan, connection, sent_ms, spent)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            action.id,
            request.call_key if named else None,
            request.tenant,
            request.agent,
            request.person,
            request.contract,
            state,
            status,
            fence,
            lease_ms,
            self.release,
            pack_request(request),
            pack_caller(action.caller),
            asked,
            result.packed,
            txn.now_ms,
            txn.now_ms,
            expires_ms,
            held_until_ms,
            step.id if step else None,
            step.position if step else None,
            action.undoes,
            action.plan,
            request.connection,
            sent_ms,
            spent,
        )

    async def write(self, ids: Sequence[str], work: Work[T]) -> T:
        """One commit; whoever waits for one of these actions is woken. A row that exists already is a `Conflict`."""
        result = await self.store.write(work, ids)
        self._wake(ids)
        return result


class Watch:
    """Whoever waits for a transition of one action."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def change(self, seconds: float) -> None:
        """Return when one was committed since this was last called, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.event.wait()
        self.event.clear()
