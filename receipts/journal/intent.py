"""What one intent commits, and what must hold in the transaction that commits it."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.action.observation import Observation
from contracts.action.rendered_request import Rendered
from policies.approval import SignedApproval
from policies.decision import Permitted, Rate
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.journal.breaker import Trip
from receipts.journal.budget_count import BudgetCount, BudgetScope
from receipts.statement.statement import SignedStatement
from receipts.store.row import Row, Value, integer
from receipts.store.transaction import Conflict, Txn


@dataclass(frozen=True, slots=True)
class DecisionBasis:
    """What a decision was made under: the digest of the release and the control epoch. Both must still be live."""

    release: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Busy:
    """The connection's limit, or the resource's lock, is taken: nothing was written; `commit` may be tried again.

    `frees_soon`: as soon as somebody has ended. What was sent in the last minute frees nothing before its minute is
    over.
    """

    commit: "IntentCommit"
    frees_soon: bool


@dataclass(frozen=True, slots=True)
class Stale:
    """The world moved on since the decision: nothing was written, and it must be made anew.

    `moved`: the action's row, the release or the control epoch is another one. Else somebody took from what the
    decision counted on, or wrote to the resource since the look; `counted`: they took from a rate or a budget.
    """

    moved: bool = False
    counted: bool = False


class NotCommitted(Conflict):
    """Takes back what an intent wrote so far, and carries the reason out of the transaction."""

    def __init__(self, why: Busy | Stale) -> None:
        super().__init__()
        self.why = why


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection takes at most: sends in flight, and per minute; 0 is no limit."""

    in_flight: int = 0
    per_minute: int = 0


@dataclass(frozen=True, slots=True)
class IntentCommit:
    """Everything that one intent commits. `permitted` is the promise that Cedar said yes.

    `basis` is the release and the control epoch under which it did. `rate` is what the decision counted on, None when
    no policy reads it, and `budgets` the same of those that cover the action. `lock` names the resource that nothing
    else may write to meanwhile. `via` names the route where a contract has several, `trip` is the halt of the route
    that the attempt before this one took, which failed unless the application proved that it had no effect.
    `cosignatures` is how many witnesses must have cosigned it before its request leaves.
    """

    action: Action
    permitted: Permitted
    before: Observation
    sealed: SignedStatement
    rendered: Rendered
    approvals: Sequence[SignedApproval]
    basis: DecisionBasis
    route: int
    attempt: int
    timeout_ms: int
    settle_ms: int
    deadline_ms: int
    result: ActionResult
    rate: Rate | None = None
    budgets: tuple[BudgetCount, ...] = ()
    spent: int = 0
    limits: Limits = Limits()
    lock: str | None = None
    via: str = ""
    trip: Trip | None = None
    former_failed: bool = True
    cosignatures: int = 0


def check_limits(txn: Txn, wanted: IntentCommit) -> None:
    """Release, epoch, limits, locks and what a decision counted on, compared in the commit that takes from them."""
    for room in limits_of(wanted, txn.now_ms):
        ((taken,),) = txn.query(room.sql, *room.values)
        if integer(taken) >= room.most:
            raise NotCommitted(Busy(wanted, room.soon))
    release, epoch = wanted.basis.release, str(wanted.basis.epoch)
    if not wanted.lock and txn.assume((2,), f"SELECT {_LIVE}", release, epoch) != (2,):
        raise Conflict
    if wanted.lock:
        plan = wanted.action.step.plan_id if wanted.action.step else "none"
        seen = (release, epoch, wanted.lock, wanted.action.id, wanted.before.at_ms, plan)
        live, held, written = txn.assume((2, 0, 0), _RESOURCE, *seen)
        if live != 2:
            raise Conflict
        if held:
            raise NotCommitted(Busy(wanted, frees_soon=True))
        # INVARIANT: what was written to the resource since it was looked at was not seen
        if written:  # guard: what was written since the look
            raise NotCommitted(Stale())
    # INVARIANT: two that each see room for one are not both let in
    if wanted.rate is not None and wanted.attempt == 1:
        sql, *values = rate_query(wanted.action, txn.now_ms)
        now = rate_in(txn.query(str(sql), *values))
        # guard: rates are compared again
        if now.last_hour > wanted.rate.last_hour or now.spent_last_day > wanted.rate.spent_last_day:
            raise NotCommitted(Stale(counted=True))
    # INVARIANT: the same of budgets, over all agents and replicas
    for count in wanted.budgets if wanted.attempt == 1 else ():
        scope = BudgetScope.of(wanted.action)
        query, given = count.query(scope, txn.now_ms)
        # guard: budgets are compared again
        if count.used_in(txn.query(query, *given), scope) > count.used:
            raise NotCommitted(Stale(counted=True))


@dataclass(frozen=True, slots=True)
class Room:
    """SQL that counts what is taken, and the most that may be. `soon`: it is given back when an action ends."""

    sql: str
    values: tuple[Value, ...]
    most: int
    soon: bool


def limits_of(wanted: IntentCommit, now_ms: int) -> list[Room]:
    """What an intent needs room in at its connection."""
    limits, name = wanted.limits, wanted.action.request.connection
    rooms: list[Room] = []
    if limits.in_flight:
        sql = "SELECT count(*) FROM intents WHERE state = 'intent' AND connection = ? AND action_id <> ?"
        rooms.append(Room(sql, (name, wanted.action.id), limits.in_flight, soon=True))
    if limits.per_minute:
        sql = "SELECT count(*) FROM intents WHERE connection = ? AND at_ms > ? AND at_ms > 0"
        rooms.append(Room(sql, (name, now_ms - 60_000), limits.per_minute, soon=False))
    return rooms


def rooms_of(wanted: IntentCommit, now_ms: int) -> list[Room]:
    """The same, and at its resource."""
    sql = "SELECT count(*) FROM intents WHERE lock = ? AND state = 'intent' AND action_id <> ?"
    lock = [Room(sql, (wanted.lock, wanted.action.id), 1, soon=True)] if wanted.lock else []
    return [*limits_of(wanted, now_ms), *lock]


# guard: live release
_LIVE = "(SELECT count(*) FROM meta WHERE (key = 'release' AND value = ?1) OR (key = 'epoch' AND value = ?2))"
"""2 while the release and the epoch under which it was decided are the live ones."""
_RESOURCE = (
    f"SELECT {_LIVE}, (SELECT count(*) FROM intents WHERE lock = ?3 AND state = 'intent' AND action_id <> ?4),"
    " (SELECT count(*) FROM (SELECT a.updated_ms, a.plan_id FROM intents AS i JOIN actions AS a ON a.id = i.action_id"
    " WHERE i.lock = ?3 AND i.action_id <> ?4 ORDER BY i.rowid DESC LIMIT 1) AS newest"
    " WHERE updated_ms >= ?5 AND coalesce(plan_id, '') <> ?6)"
)
"""The same; whether somebody writes to a resource now; whether another plan or action did since it was looked at."""
_RATE = (
    "SELECT count(CASE WHEN sent_ms > ?4 THEN 1 END), count(*), CAST(coalesce(sum(spent), 0) AS BIGINT) FROM actions"
    " WHERE tenant = ?1 AND agent = ?2 AND contract = ?3 AND sent_ms > ?5 AND sent_ms > 0"
    " AND status NOT IN ('not_applied', 'unavailable') AND undoes IS NULL AND id <> ?6"
)


def rate_query(action: Action, now_ms: int) -> tuple[str | int, ...]:
    """What an action's agent sent by its contract in the last hour and day, and spent: SQL and its values.

    What is in doubt counts. The action itself does not: it may be sent again.
    """
    request = action.request
    who = (request.tenant, request.agent, request.contract)
    return (_RATE, *who, now_ms - 3_600_000, now_ms - 86_400_000, action.id)


def rate_in(rows: list[Row]) -> Rate:
    """The one row that `rate_query` gives."""
    ((hour, day, spent),) = rows
    return Rate(integer(hour), integer(day), integer(spent))
