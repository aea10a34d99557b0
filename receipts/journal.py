"""The durable journal of every action: guarded transitions, one statement each, and the orders that come out of them.

Correctness lives in these transitions, never in who called them. receipts/README.md has the table of states.
"""

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import JsonValue

from contracts.dispatch import Dispatch, MayObserve
from contracts.errors import AilyusError
from contracts.observation import Observation
from contracts.request import ActionRequest
from policies.approval import SignedApproval
from policies.decision import Rate
from receipts.action import (
    Action,
    Intent,
    PlanStep,
    Status,
    pack_caller,
    pack_observation,
    pack_request,
    state_of,
    status_of,
    unpack_caller,
    unpack_observation,
    unpack_request,
)
from receipts.conclusion import Conclusion, beside
from receipts.controls import Controls
from receipts.handles import Handles, use
from receipts.intention import Intention, rate_of, require_room
from receipts.registry import Registry
from receipts.signing import Signer
from receipts.sqlite import Conflict, Row, Store, Txn, Work, blob, integer
from receipts.statement import Notary, Sealed

T = TypeVar("T")
LEASE_MARGIN_MS = 1_000
MAX_PENDING_PER_PAIR = 5
MAX_PENDING_PER_TENANT = 50
_ACTION = (
    "SELECT id, request, caller, state, status, fence, release, asked, result, created_ms, expires_ms, held_until_ms,"
    " plan_id, position, undoes, plan, sent_ms FROM actions"
)
_LIVE = "(SELECT value FROM meta WHERE key = 'release') = ? AND (SELECT value FROM meta WHERE key = 'epoch') = ?"


class Journal:
    """Every transition of every action. The store's owner has exactly one."""

    def __init__(self, store: Store, signer: Signer, secret_key: Path | None = None) -> None:
        self.store = store
        self.controls = Controls(store)
        self.registry = Registry(store, self.controls)
        self.notary = Notary(signer, store.origin, self.registry.tenant_key)
        self.handles = Handles(store, secret_key or store.path.with_suffix(".secrets"))
        self._fences: dict[str, int] = {}
        self._entered: dict[str, set[tuple[int, int]]] = {}
        self._watchers: dict[str, set[asyncio.Future[None]]] = {}

    @property
    def release(self) -> str:
        """The digest of the live release."""
        return self.registry.release

    @property
    def epoch(self) -> int:
        """The live control epoch."""
        return self.controls.epoch

    # -- looking ----------------------------------------------------------------------------------------------------

    def latest(self, call_key: str) -> Action | None:
        """The newest action of a call, whatever became of it."""
        rows = self.store.read(f"{_ACTION} WHERE call_key = ? ORDER BY created_ms DESC, rowid DESC LIMIT 1", call_key)
        return _action(rows[0]) if rows else None

    def same_call(self, action: Action | None) -> Action | None:
        """The newest action of a call, if the call still is it: open, held after a no, or within its repeat window."""
        if action is None or action.state != "ended":
            return action
        if action.held_until_ms <= self.store.now_ms():
            return None
        held_by_policy = action.status in ("denied", "refused")
        return None if held_by_policy and action.release != self.release else action

    def repeats(self, call_key: str, action_id: str) -> int:
        """How many earlier actions the same call had."""
        rows = self.store.read("SELECT count(*) FROM actions WHERE call_key = ? AND id <> ?", call_key, action_id)
        return integer(rows[0][0])

    def get(self, action_id: str) -> Action | None:
        """An action by id."""
        rows = self.store.read(f"{_ACTION} WHERE id = ?", action_id)
        return _action(rows[0]) if rows else None

    def active(self) -> list[Action]:
        """Every action that has not ended; the steps of a plan are their plan's business."""
        return [
            _action(row)
            for row in self.store.read(f"{_ACTION} WHERE state <> 'ended' AND plan_id IS NULL ORDER BY created_ms")
        ]

    def steps(self, plan_id: str) -> list[Action]:
        """The actions that a plan has made so far, in order."""
        return [_action(r) for r in self.store.read(f"{_ACTION} WHERE plan_id = ? ORDER BY rowid", plan_id)]

    def left(self, action_id: str) -> Observation | None:
        """The state that a confirmed action left behind."""
        rows = self.store.read(
            "SELECT after FROM intents WHERE action_id = ? AND after IS NOT NULL ORDER BY attempt DESC", action_id
        )
        return unpack_observation(blob(rows[0][0])) if rows else None

    def being_undone(self, action_id: str) -> bool:
        """Is something taken back that this action, or a step of this plan, made? That settles first."""
        return bool(
            self.store.read(
                "SELECT 1 FROM actions AS u WHERE u.state <> 'ended' AND u.plan_id IS NULL AND (u.undoes = ?1"
                " OR u.undoes IN (SELECT id FROM actions WHERE plan_id = ?1))",
                action_id,
            )
        )

    def is_ours(self, action_id: str) -> bool:
        """Is the change of a confirmed action tied to our own request?"""
        return bool(self.store.read("SELECT 1 FROM intents WHERE action_id = ? AND ours = 1", action_id))

    def before(self, action_id: str) -> Observation | None:
        """The state before an action's last attempt."""
        rows = self.store.read("SELECT before FROM intents WHERE action_id = ? ORDER BY attempt DESC", action_id)
        return unpack_observation(blob(rows[0][0])) if rows else None

    def rate(self, tenant: str, agent: str, contract: str) -> Rate:
        """How often and for how much, with what is in flight or in doubt."""
        return rate_of(self.store.read, tenant, agent, contract, self.store.now_ms())

    def lease_ended(self, action_id: str) -> bool:
        """May a running action be taken over?"""
        rows = self.store.read("SELECT lease_until_ms FROM actions WHERE id = ?", action_id)
        return bool(rows) and integer(rows[0][0]) <= self.store.now_ms()

    def open_intent(self, action_id: str) -> Intent | None:
        """The intent of an action whose outcome is not known yet."""
        rows = self.store.read(
            "SELECT action_id, step, attempt, route, fence, deadline_ms, settle_ms, action_digest, target_digest,"
            " before, receipt_id FROM intents WHERE action_id = ? AND state = 'intent'",
            action_id,
        )
        if not rows:
            return None
        r = rows[0]
        return Intent(
            str(r[0]),
            integer(r[1]),
            integer(r[2]),
            integer(r[3]),
            integer(r[4]),
            integer(r[5]),
            integer(r[6]),
            str(r[7]),
            str(r[8]),
            unpack_observation(blob(r[9])),
            str(r[10]),
        )

    def approvals(self, action_id: str) -> list[SignedApproval]:
        """The signed approvals given for an action."""
        rows = self.store.read("SELECT signed FROM approvals WHERE action_id = ? ORDER BY at_ms", action_id)
        return [SignedApproval.model_validate_json(blob(row[0])) for row in rows]

    def used_by(self, approval_id: str) -> str | None:
        """The action that used an approval up, if one did."""
        rows = self.store.read("SELECT action_id FROM approval_uses WHERE approval_id = ?", approval_id)
        return str(rows[0][0]) if rows else None

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
        self, action: Action, sealed: Sealed, asked: bytes, result: Mapping[str, JsonValue], expires_ms: int
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
            if integer(pair) >= MAX_PENDING_PER_PAIR or integer(tenant) >= MAX_PENDING_PER_TENANT:
                raise AilyusError("too_many_pending", "too many requests wait for a person")
            self.insert(txn, action, "waiting", "approval_required", result, asked=asked, expires_ms=expires_ms)
            sealed.insert(txn)

        await self.write((action.id,), work)

    async def end(
        self, action: Action, sealed: Sealed, status: Status, result: Mapping[str, JsonValue], held_until_ms: int
    ) -> None:
        """new, waiting or ready → ended, with nothing sent."""
        await self.write((action.id, action.watched), self.ending(action, sealed, status, result, held_until_ms))

    def ending(
        self, action: Action, sealed: Sealed, status: Status, result: Mapping[str, JsonValue], held_until_ms: int
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
                    " release = ? WHERE id = ? AND fence = ? AND state IN ('waiting', 'ready')",
                    status,
                    orjson.dumps(result),
                    held_until_ms,
                    txn.now_ms,
                    self.release,
                    action.id,
                    action.fence,
                )
            sealed.insert(txn)

        return work

    async def approve(self, action: Action, approval: SignedApproval, sealed: Sealed, ready: bool) -> None:
        """Record an approval; waiting → ready once enough are there. A clock that runs behind counts nothing."""

        def work(txn: Txn) -> None:
            txn.require_clock()
            binding = approval.binding
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
                "UPDATE actions SET state = ?, updated_ms = ? WHERE id = ? AND fence = ? AND state = 'waiting'",
                "ready" if ready else "waiting",
                txn.now_ms,
                action.id,
                action.fence,
            )
            sealed.insert(txn)

        await self.write((action.id,), work)

    async def intend(self, intention: Intention, earlier: Sequence[Work[None]] = ()) -> Dispatch:
        """The commit: nothing was sent before this line. Raises `Conflict` when the world moved on.

        `earlier` is committed with it: what a plan's steps before this one ended with.
        """
        monotonic = time.monotonic()
        action, request = intention.action, intention.action.request

        def work(txn: Txn) -> int:
            for before in earlier:
                before(txn)
            return self._intend(txn, intention)

        fence = await self.write((action.id, action.watched), work)
        self._fences[action.id] = fence
        if earlier:
            self.controls.refresh_if_newer(self.controls.epoch)
        return Dispatch(
            action_id=action.id,
            request=request,
            action_digest=request.action_digest,
            target_digest=request.target_digest,
            step=1,
            attempt=intention.attempt,
            route=intention.route,
            fence=fence,
            epoch=intention.decided_under[1],
            deadline_ms=intention.deadline_ms,
            deadline_monotonic=monotonic + (intention.deadline_ms - self.store.now_ms()) / 1000,
            idempotency_key=f"{action.id}-1",
            settle_ms=intention.settle_ms,
            http=intention.http,
        )

    def _intend(self, txn: Txn, wanted: Intention) -> int:
        txn.require_clock()
        action, request = wanted.action, wanted.action.request
        if wanted.deadline_ms - wanted.timeout_ms - txn.now_ms > 60_000 or txn.now_ms >= wanted.deadline_ms:
            raise Conflict
        if wanted.attempt > 1:
            txn.write(
                "UPDATE intents SET state = 'failed' WHERE action_id = ? AND state = 'intent' AND fence = ?",
                action.id,
                action.fence,
            )
        if action.step:
            self.hold_plan(txn, action.step, wanted.deadline_ms)
        require_room(txn, wanted)
        fence = self._claim(txn, action, wanted.result, wanted.deadline_ms, wanted.decided_under, wanted.spent)
        user = action.step.id if action.step else action.id
        for approval in wanted.approvals:
            txn.write("INSERT INTO approval_uses VALUES (?, ?, ?)", approval.id, user, fence)
        use(txn, request, action.step.id if action.step else None, action.id, wanted.http.handles)
        txn.write(
            "INSERT INTO intents (action_id, step, attempt, route, fence, epoch, state, deadline_ms, settle_ms,"
            " action_digest, target_digest, request_digest, before, receipt_id, connection, lock, at_ms)"
            " VALUES (?, 1, ?, ?, ?, ?, 'intent', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            action.id,
            wanted.attempt,
            wanted.route,
            fence,
            wanted.decided_under[1],
            wanted.deadline_ms,
            wanted.settle_ms,
            request.action_digest,
            request.target_digest,
            wanted.http.digest,
            pack_observation(wanted.before),
            wanted.sealed.index.id,
            request.connection,
            wanted.lock,
            txn.now_ms,
        )
        wanted.sealed.insert(txn)
        return fence

    def hold_plan(self, txn: Txn, step: PlanStep, deadline_ms: int) -> None:
        """Inside a step's commit: its plan still is whose it was, and stays so until the step's deadline."""
        # INVARIANT: the steps of a plan that was taken over match no row
        txn.write(
            "UPDATE actions SET lease_until_ms = max(lease_until_ms, ?), updated_ms = ?"
            " WHERE id = ? AND fence = ? AND state = 'running'",
            deadline_ms + LEASE_MARGIN_MS,
            txn.now_ms,
            step.id,
            step.fence,
        )

    def _claim(
        self,
        txn: Txn,
        action: Action,
        result: Mapping[str, JsonValue],
        deadline_ms: int,
        decided_under: tuple[str, int],
        spent: int = 0,
    ) -> int:
        """One guarded statement over id, state, fence, live release and control epoch; returns the new fence."""
        # INVARIANT: the release that decided, not whichever is live by now
        live = (decided_under[0], str(decided_under[1]))
        if action.state == "new":
            lease_ms = deadline_ms + LEASE_MARGIN_MS
            self.insert(
                txn, action, "running", "running", result, fence=1, lease_ms=lease_ms, sent_ms=txn.now_ms, spent=spent
            )
            if not txn.query(f"SELECT 1 WHERE {_LIVE}", *live):
                raise Conflict
            return 1
        txn.write(
            "UPDATE actions SET state = 'running', status = 'running', fence = fence + 1, lease_until_ms = ?,"
            " result = ?, release = ?, updated_ms = ?, spent = ?,"
            " sent_ms = CASE sent_ms WHEN 0 THEN ? ELSE sent_ms END"
            " WHERE id = ? AND fence = ? AND state = ? AND state IN ('waiting', 'ready', 'running')"
            # INVARIANT: what another owner has under lease is left alone
            f" AND (lease_until_ms <= ? OR ?) AND {_LIVE}",
            deadline_ms + LEASE_MARGIN_MS,
            orjson.dumps(result),
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
        """Taking the store's lock ends whatever the dead owner held."""
        await self.store.write(
            lambda txn: txn.write("UPDATE actions SET lease_until_ms = 0 WHERE state = 'running'", rows=None)
        )

    async def take(self, action: Action, lease_ms: int) -> int:
        """Take a running action over whose lease has ended: fence + 1, so that the old owner's writes match no row."""

        def work(txn: Txn) -> int:
            txn.require_clock()
            txn.write(
                "UPDATE actions SET fence = fence + 1, lease_until_ms = ?, updated_ms = ?"
                " WHERE id = ? AND fence = ? AND state = 'running' AND lease_until_ms <= ?",
                txn.now_ms + lease_ms,
                txn.now_ms,
                action.id,
                action.fence,
                txn.now_ms,
            )
            txn.write(
                "UPDATE intents SET fence = fence + 1 WHERE action_id = ? AND fence = ? AND state = 'intent'",
                action.id,
                action.fence,
            )
            return action.fence + 1

        fence = await self.write((action.id,), work)
        self._fences[action.id] = fence
        return fence

    async def conclude(self, conclusion: Conclusion) -> None:
        """running → ended: outcome, receipt and its proof in one commit. An old owner's write matches no row."""
        await self.commit(conclusion.action, [self.concluding(conclusion)])

    def concluding(self, end: Conclusion) -> Work[None]:
        """The same, as work for a commit that a plan shares with its next step."""

        def work(txn: Txn) -> None:
            action = end.action
            txn.write(
                "UPDATE intents SET state = ?, after = ?, ours = ?"
                " WHERE action_id = ? AND fence = ? AND state = 'intent'",
                "escalated" if end.status == "unknown" else "done",
                pack_observation(end.after) if end.after else None,
                int(end.ours),
                action.id,
                action.fence,
            )
            txn.write(
                "UPDATE actions SET state = 'ended', status = ?, result = ?, held_until_ms = ?, updated_ms = ?,"
                " strike = ? WHERE id = ? AND fence = ? AND state = 'running'",
                end.status,
                orjson.dumps(end.result),
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

        def work(txn: Txn) -> None:
            for one in works:
                one(txn)

        epoch = self.controls.epoch
        await self.write((action.id, action.watched), work)
        self.forget(action.id)
        self.controls.refresh_if_newer(epoch)

    def forget(self, action_id: str) -> None:
        """Nothing of this action is sent any more: its orders are void."""
        self._fences.pop(action_id, None)
        self._entered.pop(action_id, None)

    # -- the gate: asked directly before the first byte --------------------------------------------------------------

    def enter(self, dispatch: Dispatch) -> str | None:
        """Use an order up; the reason why it may not act, or None."""
        entered = self._entered.setdefault(dispatch.action_id, set())
        # INVARIANT: an order is used once, by the owner of the fence, under the live epoch, before its deadline.
        if (dispatch.step, dispatch.attempt) in entered:
            return "this order was used already"
        if self._fences.get(dispatch.action_id) != dispatch.fence:
            return "another owner holds this action"
        if dispatch.epoch != self.epoch:
            return "the control epoch moved on"
        if time.monotonic() >= dispatch.deadline_monotonic:
            return "the deadline has passed"
        entered.add((dispatch.step, dispatch.attempt))
        return None

    def reveal(self, dispatch: Dispatch, handle: str, destination: str) -> str | None:
        """The value behind a handle, for an order whose committed intent used it up."""
        return self.handles.open(handle, destination, dispatch.action_id)

    # -- waiting for a change ----------------------------------------------------------------------------------------

    async def changed(self, action_id: str, seconds: float) -> None:
        """Return when a transition of this action was committed, or after so many seconds."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.setdefault(action_id, set()).add(waiter)
        try:
            await asyncio.wait([waiter], timeout=seconds)
        finally:
            waiters = self._watchers.get(action_id)
            if waiters:
                waiters.discard(waiter)
                if not waiters:
                    del self._watchers[action_id]

    def insert(
        self,
        txn: Txn,
        action: Action,
        state: str,
        status: Status,
        result: Mapping[str, JsonValue],
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
        txn.write(
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
            orjson.dumps(result),
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
        try:
            result = await self.store.write(work)
        except sqlite3.IntegrityError as error:
            raise Conflict(str(error)) from None
        except sqlite3.DatabaseError as error:
            raise AilyusError("store_corrupt", f"the store cannot be written: {str(error).lower()}") from None
        for action_id in ids:
            for waiter in self._watchers.pop(action_id, ()):
                if not waiter.done():
                    waiter.set_result(None)
        return result


def _action(row: Row) -> Action:
    return Action(
        id=str(row[0]),
        request=unpack_request(blob(row[1])),
        caller=unpack_caller(blob(row[2])),
        state=state_of(row[3]),
        status=status_of(row[4]),
        fence=integer(row[5]),
        release=str(row[6]),
        asked=blob(row[7]) if row[7] is not None else None,
        result=orjson.loads(blob(row[8])),
        created_ms=integer(row[9]),
        expires_ms=integer(row[10]),
        held_until_ms=integer(row[11]),
        plan=blob(row[15]) if row[15] is not None else None,
        step=None if row[12] is None else PlanStep(str(row[12]), 0, integer(row[13]), 0, ""),
        undoes=str(row[14]) if row[14] is not None else None,
        sent_ms=integer(row[16]),
    )
