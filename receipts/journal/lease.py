"""Leases: for how long a running action is its owner's, and what becomes of it when the owner is gone.

Every write compares the fence, so that an owner that lost its lease cannot write any more; the lease only keeps others
from taking over what is still under way.
"""

from collections.abc import Sequence

from receipts.action.action import Action, PlanStep
from receipts.store.transaction import Txn, Work

LEASE_MARGIN_MS = 1_000
LEASE_MS = 5_000
"""How long what is under way stays its owner's without a renewal; an intent extends it to its deadline and a second."""


def lease_until(deadline_ms: int, now_ms: int) -> int:
    """Until when an action is its owner's after a commit that lets it send before this deadline."""
    return max(deadline_ms + LEASE_MARGIN_MS, now_ms + LEASE_MS)


def extend_plan_lease(txn: Txn, step: PlanStep, deadline_ms: int) -> None:
    """Inside a step's commit: its plan still is whose it was, and stays so until the step's deadline."""
    # INVARIANT: the steps of a plan that was taken over match no row
    txn.write(
        "UPDATE actions SET updated_ms = ?2,"
        " lease_until_ms = CASE WHEN lease_until_ms < ?1 THEN ?1 ELSE lease_until_ms END"
        " WHERE id = ?3 AND fence = ?4 AND state = 'running'",  # guard: fence, the plan's own owner
        lease_until(deadline_ms, txn.now_ms),
        txn.now_ms,
        step.plan_id,
        step.fence,
    )


def still_owned(action: Action) -> Work[None]:
    """The action still is its owner's, under this fence, and stays so for a lease; matches no row once it is not."""

    def work(txn: Txn) -> None:
        txn.write(
            "UPDATE actions SET lease_until_ms = CASE WHEN lease_until_ms < ?1 THEN ?1 ELSE lease_until_ms END"
            " WHERE id = ?2 AND fence = ?3 AND state = 'running'",  # guard: fence
            txn.now_ms + LEASE_MS,
            action.id,
            action.fence,
        )

    return work


def renewal(held: Sequence[tuple[str, int]]) -> Work[None]:
    """Keep the leases of these actions, each with the fence of its owner, in one statement for all of them."""

    def work(txn: Txn) -> None:
        until = txn.now_ms + LEASE_MS
        # INVARIANT: only the owner of the fence renews
        txn.write_many(
            # guard: fence
            "UPDATE actions SET lease_until_ms = ?1 WHERE id = ?2 AND fence = ?3 AND state = 'running'"
            " AND lease_until_ms < ?1",
            [(until, action, fence) for action, fence in held],
        )

    return work


def take_over(action: Action) -> Work[int]:
    """Take a running action over whose lease has ended: fence + 1, so that the old owner's writes match no row."""

    def work(txn: Txn) -> int:
        fence = take_row(txn, action)
        txn.write(
            # guard: fence
            "UPDATE intents SET fence = fence + 1 WHERE action_id = ? AND fence = ? AND state = 'intent'",
            action.id,
            action.fence,
        )
        return fence

    return work


def take_row(txn: Txn, action: Action) -> int:
    """Inside a commit: the row of a running action, or of a plan, is another owner's from now on; the new fence."""
    # a clock that runs ahead would end leases that are not over
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
    return action.fence + 1


def end_all(txn: Txn) -> None:
    """Taking a store's lock ends whatever its dead owner held. Among replicas leases end by themselves."""
    txn.write("UPDATE actions SET lease_until_ms = 0 WHERE state = 'running'", rows=None)
