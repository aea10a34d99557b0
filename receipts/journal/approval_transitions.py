"""The transitions that people make: a request waits for them, an approval is recorded, an approval is taken back."""

from contracts.errors import AilyusError
from policies.approval import SignedApproval
from policies.passkey import sign_count
from receipts.action.action import Action
from receipts.journal.action_row import ActionRow, insert_action
from receipts.journal.registry import count_use
from receipts.statement.statement import SignedStatement
from receipts.store.row import integer
from receipts.store.transaction import Conflict, Txn, Work

MAX_PENDING = (5, 50)
"""Requests that may wait for people: of one agent for one person, and of one tenant."""
_WAITING = "SELECT count(*) FROM actions WHERE state <> 'ended' AND state = 'waiting'"
WITHDRAWN = "SELECT {} FROM statements WHERE action_id = ? AND kind = 'decision' AND status = 'withdrawn'"


def request_approval(action: Action, sealed: SignedStatement, row: ActionRow, pending: tuple[int, int]) -> Work[None]:
    """new → waiting: one request to people, unless too many wait already."""

    def work(txn: Txn) -> None:
        request = action.request
        ((pair,),) = txn.query(
            f"{_WAITING} AND tenant = ? AND agent = ? AND person = ?",
            request.tenant,
            request.agent,
            request.person,
        )
        ((tenant,),) = txn.query(f"{_WAITING} AND tenant = ?", request.tenant)
        if integer(pair) >= pending[0] or integer(tenant) >= pending[1]:
            raise AilyusError("too_many_pending", "too many requests wait for a person")
        insert_action(txn, action, row)
        sealed.insert(txn)

    return work


def approve(
    action: Action, approval: SignedApproval, sealed: SignedStatement, ready: bool, withdrawn: int
) -> Work[None]:
    """Record an approval; waiting → ready once enough are there. A clock that runs behind counts nothing.

    `withdrawn`: how many approvals of the action had been taken back when this one was found to be none of them.
    """

    def work(txn: Txn) -> None:
        txn.require_clock()
        # guard: one that is taken back meanwhile
        if txn.assume((withdrawn,), WITHDRAWN.format("count(*)"), action.id) != (withdrawn,):
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
            txn.keys.seal(action.request.tenant, action.id, approval.model_dump_json().encode()),
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

    return work


def withdraw(action: Action, approval_id: str, sealed: SignedStatement) -> Work[None]:
    """Take an approval back: ready → waiting. Matches no row once it is used or the action moved on."""

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

    return work
