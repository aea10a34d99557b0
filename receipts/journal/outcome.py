"""The end of an action that was sent, and everything that is committed with it."""

from dataclasses import dataclass

from contracts.action.observation import Observation
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.breaker import Trip, trip, trip_route
from receipts.journal.secret_vault import NewHandles, delete_spent, restore
from receipts.statement.statement import SignedStatement
from receipts.store.transaction import Txn


@dataclass(frozen=True, slots=True)
class Escalation:
    """Somebody is to be told: by which route, from when on."""

    id: str
    route: str


@dataclass(frozen=True, slots=True)
class OutcomeCommit:
    """The end of an action that was sent, and everything that is committed with it."""

    action: Action
    sealed: SignedStatement
    status: Status
    result: ActionResult
    held_until_ms: int
    after: Observation | None = None
    ours: bool = False
    strike: bool = False
    trips: tuple[Trip, ...] = ()
    failed: bool = False
    route_trip: Trip | None = None
    incident: str | None = None
    escalation: Escalation | None = None
    minted: NewHandles | None = None
    used_handles: bool = False
    rechecks: tuple[int, ...] = ()


def beside(txn: Txn, end: OutcomeCommit) -> None:
    """What an outcome brings with it: handles, incidents, people to tell, later looks, the breaker."""
    action = end.action
    if end.minted:
        end.minted.insert(txn)
    if end.used_handles and end.status in ("not_applied", "unavailable"):
        restore(txn, action.id)
    if end.used_handles and end.status in ("confirmed", "diverged"):
        delete_spent(txn, action.id)
    if end.incident:
        txn.control_changes += 1
        txn.write(
            "INSERT INTO incidents VALUES (?, ?, ?, NULL) ON CONFLICT DO NOTHING",
            action.id,
            end.incident,
            txn.now_ms,
            rows=None,
        )
    if end.escalation:
        escalate(txn, end.escalation, action.id)
    txn.write_many(
        "INSERT INTO rechecks VALUES (?, ?, NULL) ON CONFLICT DO NOTHING", [(action.id, due) for due in end.rechecks]
    )
    if end.route_trip:
        trip_route(txn, end.route_trip)
    if end.strike:
        trip(txn, end.trips)


def escalate(txn: Txn, escalation: Escalation, action_id: str) -> None:
    """Have somebody told about an action, from now on."""
    txn.write(
        "INSERT INTO escalations (id, action_id, route, created_ms, next_ms) VALUES (?, ?, ?, ?, ?)",
        escalation.id,
        action_id,
        escalation.route,
        txn.now_ms,
        txn.now_ms,
    )


def acknowledge(txn: Txn, action_id: str, by: str) -> None:
    """Whoever was told of an action need not take it on any more: a person did, or a later look settled it."""
    txn.write(
        "UPDATE escalations SET acknowledged_ms = ?, acknowledged_by = ?"
        f" WHERE action_id = ? AND acknowledged_ms IS NULL AND route NOT LIKE '{REVIEW_ROUTE}%'",
        txn.now_ms,
        by,
        action_id,
        rows=None,
    )


REVIEW_ROUTE = "review:"
"""How the route of a review after the fact begins, before its role. It is told to nobody, and closed with a comment."""
LATER_LOOK = "a later look"
"""Who acknowledged what a later look settled."""
