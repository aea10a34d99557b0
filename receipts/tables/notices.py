"""The outbox of notices: who is to be told that a request waits, and how often that was tried."""

from dataclasses import dataclass

from receipts.store.row import integer
from receipts.store.store import Store
from receipts.store.transaction import Txn


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice that is to be delivered now, and how often that failed."""

    id: str
    action_id: str
    event: str
    route: str
    tried: int


@dataclass(frozen=True, slots=True)
class FailedNotice:
    """A notice that was given up, about a request that still waits."""

    action_id: str
    route: str


async def due(store: Store) -> list[DueNotice]:
    """The notices that are to be delivered by now, longest due first, 20 at most."""
    rows = await store.read(
        "SELECT id, action_id, event, route, tried FROM notices"
        " WHERE delivered_ms IS NULL AND failed_ms IS NULL AND next_ms <= ?"
        " ORDER BY next_ms LIMIT 20",
        store.now_ms(),
    )
    return [DueNotice(str(r[0]), str(r[1]), str(r[2]), str(r[3]), integer(r[4])) for r in rows]


async def failed(store: Store, tenant: str) -> list[FailedNotice]:
    """The notices that were given up, about requests of a tenant that still wait."""
    rows = await store.read(
        "SELECT n.action_id, n.route FROM notices AS n JOIN actions AS a ON a.id = n.action_id"
        " WHERE n.delivered_ms IS NULL AND n.failed_ms IS NOT NULL AND a.tenant || '' = ? AND a.state = 'waiting'",
        tenant,
    )
    return [FailedNotice(str(action), str(route)) for action, route in rows]


def add(txn: Txn, notice: str, action_id: str, event: str, route: str) -> None:
    """Write a notice down, due at once; nobody is told the same twice."""
    txn.write(
        "INSERT INTO notices (id, action_id, event, route, created_ms, next_ms) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        notice,
        action_id,
        event,
        route,
        txn.now_ms,
        txn.now_ms,
        rows=None,
    )


def claim(txn: Txn, notice: DueNotice, claim_ms: int) -> None:
    """Keep a notice for the caller for so long; raises `Conflict` when somebody else has it."""
    txn.write(
        # `tried` too: who read it before another one tried must not claim it
        "UPDATE notices SET next_ms = ? WHERE id = ? AND tried = ? AND delivered_ms IS NULL AND next_ms <= ?",
        txn.now_ms + claim_ms,
        notice.id,
        notice.tried,
        txn.now_ms,
    )


def record_try(
    txn: Txn, notice: DueNotice, *, next_ms: int, delivered_ms: int | None = None, failed_ms: int | None = None
) -> None:
    """Count a delivery that was tried: when it succeeded, was given up, or is to be tried again."""
    txn.write(
        "UPDATE notices SET tried = ?, next_ms = ?, delivered_ms = ?, failed_ms = ?"
        " WHERE id = ? AND delivered_ms IS NULL",
        notice.tried + 1,
        next_ms,
        delivered_ms,
        failed_ms,
        notice.id,
        rows=None,
    )
