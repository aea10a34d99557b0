"""How the routes of notices and escalations went: when each was last taken, what is open, what was given up."""

from dataclasses import dataclass

from receipts.store.row import Row, integer
from receipts.store.store import Store

NEWEST = 1_000
"""How many of the newest notices, and of the newest escalations, are looked at."""


@dataclass(frozen=True, slots=True)
class RouteUse:
    """One route, of the newest that a tenant was to be told: the last delivery (ms), how many are open or failed.

    Of a notice, open is what is not delivered yet, and failed what was given up. Of an escalation, open is what nobody
    acknowledged, and failed what went on to the next route.
    """

    route: str
    delivered_ms: int | None
    open: int
    failed: int


async def of_notices(store: Store, tenant: str) -> list[RouteUse]:
    """The routes of notices about requests of this tenant."""
    rows = await store.read(
        "SELECT n.route, max(n.delivered_ms),"
        " sum(CASE WHEN n.delivered_ms IS NULL AND n.failed_ms IS NULL THEN 1 ELSE 0 END),"
        " sum(CASE WHEN n.failed_ms IS NULL THEN 0 ELSE 1 END)"
        # ids grow with time: the newest are read by the primary key, however many there are
        " FROM (SELECT * FROM notices ORDER BY id DESC LIMIT ?) AS n JOIN actions AS a ON a.id = n.action_id"
        " WHERE a.tenant = ? GROUP BY n.route",
        NEWEST,
        tenant,
    )
    return [_use(row) for row in rows]


async def of_escalations(store: Store, tenant: str) -> list[RouteUse]:
    """The routes of escalations about actions of this tenant."""
    rows = await store.read(
        "SELECT e.route, max(e.delivered_ms),"
        " sum(CASE WHEN e.acknowledged_ms IS NULL AND e.handed_on_ms IS NULL THEN 1 ELSE 0 END),"
        " sum(CASE WHEN e.handed_on_ms IS NULL THEN 0 ELSE 1 END)"
        " FROM (SELECT * FROM escalations ORDER BY id DESC LIMIT ?) AS e JOIN actions AS a ON a.id = e.action_id"
        " WHERE a.tenant = ? GROUP BY e.route",
        NEWEST,
        tenant,
    )
    return [_use(row) for row in rows]


def _use(row: Row) -> RouteUse:
    return RouteUse(str(row[0]), None if row[1] is None else integer(row[1]), integer(row[2]), integer(row[3]))
