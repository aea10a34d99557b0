"""Escalations as they stand: which are to be delivered, and what became of each. `journal/outcome.py` makes them."""

from dataclasses import dataclass

from receipts.journal.outcome import REVIEW_ROUTE
from receipts.store.row import Row, integer
from receipts.store.store import Store
from receipts.store.transaction import Txn

IS_REVIEW = f"e.route LIKE '{REVIEW_ROUTE}%'"
"""Of a row `e`: it is a review after the fact (`after_reviews.py`), which is delivered to nobody."""
_OPEN = (
    "SELECT e.id, e.action_id, e.route, e.tried, e.delivered_ms IS NOT NULL, coalesce(a.tenant, '')"
    " FROM escalations AS e LEFT JOIN actions AS a ON a.id = e.action_id"
)


@dataclass(frozen=True, slots=True)
class OpenEscalation:
    """One escalation: its route, how often its delivery failed, whether it was delivered, its action's tenant."""

    id: str
    action_id: str
    route: str
    tried: int
    delivered: bool
    tenant: str


@dataclass(frozen=True, slots=True)
class ListedEscalation:
    """One escalation that nobody acknowledged, with how its action stands."""

    id: str
    action_id: str
    route: str
    contract: str
    status: str
    created_ms: int
    delivered_ms: int | None


async def due(store: Store) -> list[OpenEscalation]:
    """The escalations that something is to be done about by now, 20 at most."""
    rows = await store.read(
        f"{_OPEN} WHERE e.acknowledged_ms IS NULL AND e.handed_on_ms IS NULL AND e.next_ms <= ?"
        f" AND NOT {IS_REVIEW} LIMIT 20",
        store.now_ms(),
    )
    return [_open(row) for row in rows]


async def find(store: Store, escalation: str) -> OpenEscalation | None:
    """An escalation by its id."""
    rows = await store.read(f"{_OPEN} WHERE e.id = ?", escalation)
    return _open(rows[0]) if rows else None


async def unacknowledged(store: Store, tenant: str | None = None) -> list[ListedEscalation]:
    """The escalations that nobody acknowledged, newest first, 100 at most; of one tenant, or of all."""
    rows = await store.read(
        "SELECT e.id, e.action_id, e.route, a.contract, a.status, e.created_ms, e.delivered_ms"
        " FROM escalations AS e JOIN actions AS a ON a.id = e.action_id"
        " WHERE e.acknowledged_ms IS NULL AND (a.tenant = ?1 OR ?1 IS NULL) ORDER BY e.created_ms DESC LIMIT 100",
        tenant,
    )
    return [
        ListedEscalation(
            str(r[0]),
            str(r[1]),
            str(r[2]),
            str(r[3]),
            str(r[4]),
            integer(r[5]),
            None if r[6] is None else integer(r[6]),
        )
        for r in rows
    ]


def claim(txn: Txn, escalation: str, claim_ms: int) -> None:
    """Keep a due escalation for the caller for so long; raises `Conflict` when somebody else has it."""
    txn.write(
        # a claim that its replica does not live to use is over by itself at `next_ms`
        "UPDATE escalations SET next_ms = ? WHERE id = ? AND acknowledged_ms IS NULL AND next_ms <= ?",
        txn.now_ms + claim_ms,
        escalation,
        txn.now_ms,
    )


def put_off(txn: Txn, escalation: str, next_ms: int) -> None:
    """Count a delivery that failed; raises `Conflict` when it is acknowledged."""
    txn.write(
        "UPDATE escalations SET tried = tried + 1, next_ms = ? WHERE id = ? AND acknowledged_ms IS NULL",
        next_ms,
        escalation,
    )


def deliver(txn: Txn, escalation: str, at_ms: int, next_ms: int) -> None:
    """Say that it was delivered; raises `Conflict` when it is acknowledged."""
    txn.write(
        "UPDATE escalations SET delivered_ms = ?, next_ms = ? WHERE id = ? AND acknowledged_ms IS NULL",
        at_ms,
        next_ms,
        escalation,
    )


def hand_on(txn: Txn, escalation: str, at_ms: int) -> None:
    """Say that the next route is told instead; raises `Conflict` when it is acknowledged."""
    txn.write(
        "UPDATE escalations SET handed_on_ms = ? WHERE id = ? AND acknowledged_ms IS NULL",
        at_ms,
        escalation,
    )


def begin_again(txn: Txn, escalation: str, next_ms: int) -> None:
    """Have the same route told again; raises `Conflict` when it is acknowledged."""
    txn.write(
        "UPDATE escalations SET delivered_ms = NULL, tried = 0, next_ms = ? WHERE id = ? AND acknowledged_ms IS NULL",
        next_ms,
        escalation,
    )


def acknowledge(txn: Txn, escalation: str, at_ms: int, person: str) -> None:
    """A person takes it on; raises `Conflict` when somebody did before."""
    txn.write(
        "UPDATE escalations SET acknowledged_ms = ?, acknowledged_by = ? WHERE id = ? AND acknowledged_ms IS NULL",
        at_ms,
        person,
        escalation,
    )


def _open(row: Row) -> OpenEscalation:
    return OpenEscalation(str(row[0]), str(row[1]), str(row[2]), integer(row[3]), bool(row[4]), str(row[5]))
