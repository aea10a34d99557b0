"""The durable journal of every action: guarded transitions, one statement each, and the orders that come out of them.

Correctness lives in these transitions, never in who called them. receipts/README.md has the table of states.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

import orjson
from pydantic import JsonValue

from contracts.dispatch import Dispatch, MayObserve
from contracts.errors import AilyusError
from contracts.http_request import HttpRequest
from contracts.observation import Observation
from policies.approval import SignedApproval
from policies.decision import Permitted
from policies.principal import Key, key_kind
from receipts.action import (
    Action,
    Intent,
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
from receipts.signing import Signer
from receipts.sqlite import Conflict, Row, Store, Txn, Work, blob, integer
from receipts.statement import Notary, Sealed

T = TypeVar("T")
LEASE_MARGIN_MS = 1_000
MAX_PENDING_PER_PAIR = 5
MAX_PENDING_PER_TENANT = 50
_ACTION = (
    "SELECT id, request, caller, state, status, fence, release, asked, result, created_ms, expires_ms, held_until_ms"
    " FROM actions"
)
_LIVE = "(SELECT value FROM meta WHERE key = 'release') = ? AND (SELECT value FROM meta WHERE key = 'epoch') = ?"


class Journal:
    """Every transition of every action. The store's owner has exactly one."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self.store = store
        self._tenant_keys: dict[str, bytes] = {
            str(tenant): blob(key) for tenant, key in store.read("SELECT tenant, key FROM tenant_keys")
        }
        self.notary = Notary(signer, store.origin, self._tenant_key)
        self.release = ""
        self.epoch = 0
        self._fences: dict[str, int] = {}
        self._entered: dict[str, set[tuple[int, int]]] = {}
        self._watchers: dict[str, set[asyncio.Future[None]]] = {}

    # -- what lives beside the actions ------------------------------------------------------------------------------

    async def activate(
        self, release: str, tenants: Sequence[str], versions: Sequence[tuple[str, int, str]], sealed: Sealed
    ) -> None:
        """Make a release the live one: from now on only it can commit an intent."""
        missing = {t: os.urandom(32) for t in tenants if t not in self._tenant_keys}

        def work(txn: Txn) -> int:
            for tenant, key in missing.items():
                txn.write("INSERT INTO tenant_keys VALUES (?, ?)", tenant, key)
            for name, version, digest in versions:
                txn.write("INSERT OR IGNORE INTO contract_versions VALUES (?, ?, ?)", name, version, digest, rows=None)
            if txn.query("SELECT value FROM meta WHERE key = 'release'") != [(release,)]:
                sealed.insert(txn)  # a restart with the same release needs no second statement
            epoch = _epoch(txn) + 1
            txn.write("INSERT OR REPLACE INTO meta VALUES ('release', ?)", release)
            txn.write("INSERT OR REPLACE INTO meta VALUES ('epoch', ?)", str(epoch))
            return epoch

        self.epoch = await self.store.write(work)
        self._tenant_keys.update(missing)
        self.release = release

    def suffix(self, name: str, version: int, digest: str) -> str:
        """`` or `+` and 8 hex digits: other content was released before under this name and version."""
        rows = self.store.read(
            "SELECT digest FROM contract_versions WHERE name = ? AND version = ? ORDER BY rowid", name, version
        )
        return f"+{digest[:8]}" if rows and rows[0][0] != digest else ""

    async def link_key(self, key: Key, sealed: Sealed) -> None:
        """Link a public key to a person, by a logged `key` statement."""

        def work(txn: Txn) -> None:
            txn.write("INSERT INTO keys VALUES (?, ?, ?, ?, 0)", key.keyid, key.public, key.person, key.kind)
            sealed.insert(txn)

        await self.store.write(work)

    async def revoke_key(self, keyid: str, sealed: Sealed) -> None:
        """Revoke a key, by a logged `key` statement; raises `Conflict` when it is not linked."""

        def work(txn: Txn) -> None:
            txn.write("UPDATE keys SET revoked = 1 WHERE keyid = ? AND revoked = 0", keyid)
            sealed.insert(txn)

        await self.store.write(work)

    def keys(self) -> dict[str, Key]:
        """Every linked key."""
        rows = self.store.read("SELECT keyid, public, person, kind, revoked FROM keys")
        return {str(r[0]): Key(str(r[0]), blob(r[1]), str(r[2]), key_kind(r[3]), bool(r[4])) for r in rows}

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
        """Every action that has not ended."""
        return [_action(row) for row in self.store.read(f"{_ACTION} WHERE state <> 'ended' ORDER BY created_ms")]

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
            self._insert(txn, action, "waiting", "approval_required", result, asked=asked, expires_ms=expires_ms)
            sealed.insert(txn)

        await self._write(action.id, work)

    async def end(
        self, action: Action, sealed: Sealed, status: Status, result: Mapping[str, JsonValue], held_until_ms: int
    ) -> None:
        """new, waiting or ready → ended, with nothing sent."""

        def work(txn: Txn) -> None:
            if action.state == "new":
                self._insert(txn, action, "ended", status, result, held_until_ms=held_until_ms)
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

        await self._write(action.id, work)

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

        await self._write(action.id, work)

    async def intend(
        self,
        action: Action,
        permitted: Permitted,
        before: Observation,
        sealed: Sealed,
        http: HttpRequest,
        approvals: Sequence[SignedApproval],
        *,
        decided_under: tuple[str, int],
        route: int,
        attempt: int,
        timeout_ms: int,
        settle_ms: int,
        deadline_ms: int,
        result: Mapping[str, JsonValue],
    ) -> Dispatch:
        """The commit: nothing was sent before this line. Raises `Conflict` when the world moved on.

        `decided_under` is the release digest and the control epoch under which Cedar said yes: both must still be live.
        """
        del permitted  # its type is the promise that Cedar said yes
        monotonic = time.monotonic()
        request = action.request

        def work(txn: Txn) -> int:
            txn.require_clock()
            if deadline_ms - timeout_ms - txn.now_ms > 60_000 or txn.now_ms >= deadline_ms:
                raise Conflict
            fence = self._claim(txn, action, result, deadline_ms, decided_under)
            for approval in approvals:
                txn.write("INSERT INTO approval_uses VALUES (?, ?, ?)", approval.id, action.id, fence)
            if attempt > 1:
                txn.write(
                    "UPDATE intents SET state = 'failed' WHERE action_id = ? AND state = 'intent' AND fence = ?",
                    action.id,
                    action.fence,
                )
            txn.write(
                "INSERT INTO intents VALUES (?, 1, ?, ?, ?, ?, 'intent', ?, ?, ?, ?, ?, ?, ?)",
                action.id,
                attempt,
                route,
                fence,
                decided_under[1],
                deadline_ms,
                settle_ms,
                request.action_digest,
                request.target_digest,
                http.digest,
                pack_observation(before),
                sealed.index.id,
            )
            sealed.insert(txn)
            return fence

        fence = await self._write(action.id, work)
        self._fences[action.id] = fence
        return Dispatch(
            action_id=action.id,
            request=request,
            action_digest=request.action_digest,
            target_digest=request.target_digest,
            step=1,
            attempt=attempt,
            route=route,
            fence=fence,
            epoch=decided_under[1],
            deadline_ms=deadline_ms,
            deadline_monotonic=monotonic + (deadline_ms - self.store.now_ms()) / 1000,
            idempotency_key=f"{action.id}-1",
            settle_ms=settle_ms,
            http=http,
        )

    def _claim(
        self,
        txn: Txn,
        action: Action,
        result: Mapping[str, JsonValue],
        deadline_ms: int,
        decided_under: tuple[str, int],
    ) -> int:
        """One guarded statement over id, state, fence, live release and control epoch; returns the new fence."""
        # INVARIANT: the release that decided, not whichever is live by now
        live = (decided_under[0], str(decided_under[1]))
        if action.state == "new":
            self._insert(txn, action, "running", "running", result, fence=1, lease_ms=deadline_ms + LEASE_MARGIN_MS)
            if not txn.query(f"SELECT 1 WHERE {_LIVE}", *live):
                raise Conflict
            return 1
        txn.write(
            "UPDATE actions SET state = 'running', status = 'running', fence = fence + 1, lease_until_ms = ?,"
            " result = ?, release = ?, updated_ms = ?"
            " WHERE id = ? AND fence = ? AND state = ? AND state IN ('waiting', 'ready', 'running')"
            # INVARIANT: what another owner has under lease is left alone
            f" AND (lease_until_ms <= ? OR ?) AND {_LIVE}",
            deadline_ms + LEASE_MARGIN_MS,
            orjson.dumps(result),
            self.release,
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

        fence = await self._write(action.id, work)
        self._fences[action.id] = fence
        return fence

    async def conclude(
        self,
        dispatch_fence: int,
        action_id: str,
        sealed: Sealed,
        status: Status,
        result: Mapping[str, JsonValue],
        held_until_ms: int,
    ) -> None:
        """running → ended: outcome, receipt and its proof in one commit. An old owner's write matches no row."""

        def work(txn: Txn) -> None:
            txn.write(
                "UPDATE intents SET state = ? WHERE action_id = ? AND fence = ? AND state = 'intent'",
                "escalated" if status == "unknown" else "done",
                action_id,
                dispatch_fence,
            )
            txn.write(
                "UPDATE actions SET state = 'ended', status = ?, result = ?, held_until_ms = ?, updated_ms = ?"
                " WHERE id = ? AND fence = ? AND state = 'running'",
                status,
                orjson.dumps(result),
                held_until_ms,
                txn.now_ms,
                action_id,
                dispatch_fence,
            )
            sealed.insert(txn)

        await self._write(action_id, work)
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

    def _insert(
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
    ) -> None:
        request = action.request
        txn.write(
            "INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            action.id,
            request.call_key if request.kind == "write" else None,
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
        )

    async def _write(self, action_id: str, work: Work[T]) -> T:
        try:
            result = await self.store.write(work)
        except sqlite3.IntegrityError as error:
            raise Conflict(str(error)) from None
        for waiter in self._watchers.pop(action_id, ()):
            if not waiter.done():
                waiter.set_result(None)
        return result

    def _tenant_key(self, tenant: str) -> bytes:
        try:
            return self._tenant_keys[tenant]
        except KeyError:
            raise AilyusError("not_found", f"the tenant `{tenant}` is not part of the release") from None


def _epoch(txn: Txn) -> int:
    rows = txn.query("SELECT value FROM meta WHERE key = 'epoch'")
    return int(str(rows[0][0])) if rows else 0


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
    )
