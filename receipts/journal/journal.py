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

import time
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import orjson

from contracts.action.dispatch import Dispatch, ReadPermit
from contracts.action.request import ActionRequest
from contracts.errors import AilyusError
from contracts.hiding import Hiding
from policies.approval import SignedApproval
from receipts.action.action import Action, Intent
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal import approval_transitions, lease, send_transitions
from receipts.journal.action_row import ActionRow, insert_action
from receipts.journal.approval_transitions import MAX_PENDING, WITHDRAWN
from receipts.journal.controls import Controls
from receipts.journal.dispatch_gate import DispatchGate
from receipts.journal.intent import Busy, IntentCommit, NotCommitted, Stale
from receipts.journal.lease import extend_plan_lease
from receipts.journal.outcome import OutcomeCommit
from receipts.journal.queries import JournalQueries
from receipts.journal.registry import Registry
from receipts.journal.roles import Roles
from receipts.journal.secret_vault import DATA_KEYS, SecretVault
from receipts.journal.watch import Watch, Watches
from receipts.log.signing import Envelope, Signer
from receipts.statement.ledger import Ledger
from receipts.statement.statement import SignedStatement
from receipts.store.data_keys import DataKeys
from receipts.store.row import blob
from receipts.store.store import Change, Store
from receipts.store.transaction import Conflict, Txn, Work
from receipts.witness.witness_quorum import NoQuorum, WitnessQuorum

T = TypeVar("T")


class Journal(JournalQueries):
    """Every transition of every action. The store's owner has exactly one."""

    def __init__(
        self,
        store: Store,
        signer: Signer,
        secret_key: Path | bytes | None = None,
        pending: tuple[int, int] = MAX_PENDING,
    ) -> None:
        self.ledger = Ledger(store)
        controls = Controls(store, self.ledger)
        registry = Registry(store, controls)
        self.handles = SecretVault(store, secret_key or store.path.with_suffix(".secrets"))
        master = self.handles.derived(DATA_KEYS)
        self.data_keys = store.data_keys = DataKeys(lambda: master)
        super().__init__(store, registry, Hiding(self.handles.derived(b"ailyus observed values")))
        self.controls = controls
        self.registry = registry
        self.notary = registry.notary
        self.roles = Roles(store, self.ledger, self.notary)
        self.gate = DispatchGate(controls)
        self.quorum: WitnessQuorum = NoQuorum()
        self._pending = pending
        self._watches = Watches()

    async def load(self) -> None:
        """Read what is committed: the epoch, live halts and incidents, tenants' keys. Before anything is asked."""
        # a file has one process; its key has no mark before it is rotated for the first time
        await self.handles.check(sets=self.store.shared)
        await self.ledger.load()
        await self.registry.load()
        await self.controls.refresh()

    async def follow(self) -> None:
        """From now on hear what other replicas commit: their halts, and transitions that somebody waits for here."""
        await self.store.follow(self._heard)

    async def _heard(self, change: Change) -> None:
        await self.controls.look(everything=change.controls)
        self._watches.wake(change.ids)

    @property
    def epoch(self) -> int:
        """The live control epoch."""
        return self.controls.epoch

    def may_observe(self, intent: Intent, action: Action, seconds: float) -> ReadPermit:
        """Leave to read back or probe, from a committed intent."""
        if intent.action_digest != action.request.action_digest:
            raise AilyusError("internal", "the journal's request is not the one that its intent names")
        return ReadPermit(action.request, time.monotonic() + seconds)

    def may_check(self, plan: ActionRequest, seconds: float) -> ReadPermit:
        """Leave to look at a plan's health, with the reads that its author declared."""
        return ReadPermit(plan, time.monotonic() + seconds)

    # -- people ------------------------------------------------------------------------------------------------------

    async def request_approval(
        self, action: Action, sealed: SignedStatement, asked: bytes, result: ActionResult, expires_ms: int
    ) -> None:
        """new → waiting: one request to people, unless too many wait already."""
        row = ActionRow(
            state="waiting",
            status="approval_required",
            result=result,
            release=self.release,
            asked=asked,
            expires_ms=expires_ms,
        )
        work = approval_transitions.request_approval(action, sealed, row, self._pending)
        await self.write((action.id,), work)

    async def withdrawn(self, action_id: str) -> list[str]:
        """The approvals of an action that were taken back, as the log says."""
        rows = await self.store.read(WITHDRAWN.format("envelope"), action_id)
        predicates = [orjson.loads(Envelope.decode(blob(row[0])).payload)["predicate"] for row in rows]
        return [str(predicate.get("approval")) for predicate in predicates]

    async def approve(
        self, action: Action, approval: SignedApproval, sealed: SignedStatement, ready: bool, withdrawn: int
    ) -> None:
        """Record an approval; waiting → ready once enough are there. A clock that runs behind counts nothing.

        `withdrawn`: how many approvals of the action had been taken back when this one was found to be none of them.
        """
        await self.write((action.id,), approval_transitions.approve(action, approval, sealed, ready, withdrawn))

    async def withdraw(self, action: Action, approval_id: str, sealed: SignedStatement) -> None:
        """Take an approval back: ready → waiting. Raises `Conflict` once it is used or the action moved on."""
        await self.write((action.id,), approval_transitions.withdraw(action, approval_id, sealed))
        await self.ledger.follow()

    # -- ends that send nothing --------------------------------------------------------------------------------------

    async def end_unsent(
        self, action: Action, sealed: SignedStatement, status: Status, result: ActionResult, held_until_ms: int
    ) -> None:
        """new, waiting or ready → ended, with nothing sent."""
        work = self.end_unsent_work(action, sealed, status, result, held_until_ms)
        await self.write((action.id, action.watched), work)

    def end_unsent_work(
        self, action: Action, sealed: SignedStatement, status: Status, result: ActionResult, held_until_ms: int
    ) -> Work[None]:
        """The same, as work for a commit that a plan shares with its next step."""

        def work(txn: Txn) -> None:
            if action.step:
                extend_plan_lease(txn, action.step, txn.now_ms)
            if action.state == "new":
                row = ActionRow(
                    state="ended", status=status, result=result, release=self.release, held_until_ms=held_until_ms
                )
                insert_action(txn, action, row)
            else:
                txn.write(
                    "UPDATE actions SET state = 'ended', status = ?, result = ?, held_until_ms = ?, updated_ms = ?,"
                    " release = ? WHERE id = ? AND fence = ? AND state IN ('waiting', 'ready')",  # guard: fence
                    status,
                    txn.keys.seal(action.request.tenant, action.id, result.packed),
                    held_until_ms,
                    txn.now_ms,
                    self.release,
                    action.id,
                    action.fence,
                )
            sealed.insert(txn)

        return work

    # -- a send --------------------------------------------------------------------------------------------------------

    async def intend(self, intention: IntentCommit, earlier: Sequence[Work[None]] = ()) -> Dispatch | Busy | Stale:
        """The commit: nothing was sent before this line. `Busy` and `Stale` say why nothing was written.

        `earlier` is committed with it: what a plan's steps before this one ended with.
        """
        monotonic = time.monotonic()
        action, request = intention.action, intention.action.request
        if self.is_unsendable(action):  # guard: nothing from before a loss is sent
            return Stale()

        def work(txn: Txn) -> tuple[int, bool]:
            before = txn.control_changes
            for one in earlier:
                one(txn)
            fence = send_transitions.intend(txn, intention, self.gate.owns(action), self.release)
            return fence, txn.control_changes > before

        try:
            fence, controls_changed = await self.write((action.id, action.watched), work)
        except NotCommitted as refused:
            return refused.why
        except Conflict:
            return Stale(moved=True)
        self.gate.own(action.id, fence)
        if intention.cosignatures:
            self.gate.hold(action.id)
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

    async def cosigned(self, dispatch: Dispatch) -> bool:
        """Have enough witnesses cosigned the intent of this order, within half of its time? Else it does not leave."""
        # what the commit made the log's size, or more: a checkpoint of it covers the intent
        seconds = (dispatch.deadline_monotonic - time.monotonic()) / 2
        if not await self.quorum.reach(self.store.size, seconds):
            return False
        self.gate.let_pass(dispatch.action_id)
        return True

    def is_unsendable(self, action: Action) -> bool:
        """Was it, its plan or what it takes back open when a loss was accepted? Then it may have been sent before."""
        # INVARIANT 10: what was sent after a backup is not known to the store that came out of it
        own = {action.id, action.undoes, action.step.plan_id if action.step else None}
        return not own.isdisjoint(self.ledger.unsendable)

    async def record_outcome(self, outcome: OutcomeCommit) -> None:
        """running → ended: outcome, receipt and its proof in one commit. An old owner's write matches no row."""
        await self.commit(outcome.action, [send_transitions.record_outcome(outcome)])

    async def commit(self, action: Action, works: Sequence[Work[None]]) -> None:
        """Several transitions of one action, or of one plan and its steps, in one commit."""

        def work(txn: Txn) -> bool:
            before = txn.control_changes
            for one in works:
                one(txn)
            return txn.control_changes > before

        if await self.write((action.id, action.watched), work):
            await self.controls.refresh()
        self.gate.void(action.id)

    # -- leases --------------------------------------------------------------------------------------------------------

    async def end_leases(self) -> None:
        """Taking a store's lock ends whatever its dead owner held. Among replicas leases end by themselves."""
        await self.store.write(lease.end_all)

    async def renew(self, running: Collection[str]) -> None:
        """Keep the leases of what is under way here, in one statement for all of it."""
        held = self.gate.held(running)
        if self.store.shared and held:  # guard: a lease that is renewed
            await self.store.write(lease.renewal(held))

    async def take_over(self, action: Action) -> int:
        """Take a running action over whose lease has ended: fence + 1, so that the old owner's writes match no row."""
        fence = await self.write((action.id,), lease.take_over(action))
        self.gate.own(action.id, fence)
        return fence

    # -- the gate of adapters, and whoever waits -------------------------------------------------------------------

    def enter(self, dispatch: Dispatch) -> str | None:
        """Use an order up; the reason why it may not act, or None."""
        return self.gate.enter(dispatch)

    async def reveal(self, dispatch: Dispatch, handle: str, destination: str) -> str | None:
        """The value behind a handle, for an order whose committed intent used it up."""
        return await self.handles.open(handle, destination, dispatch.action_id)

    def watching(self, action_id: str) -> AbstractContextManager[Watch]:
        """Watch an action: what is committed from here on is not missed, whatever is read in between."""
        return self._watches.watching(action_id)

    def wake_all(self) -> None:
        """Whoever waits for any action looks again."""
        self._watches.wake(None)

    async def write(self, ids: Sequence[str], work: Work[T]) -> T:
        """One commit; whoever waits for one of these actions is woken. A row that exists already is a `Conflict`."""
        result = await self.store.write(work, ids)
        self._watches.wake(ids)
        return result
