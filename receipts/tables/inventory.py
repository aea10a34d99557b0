"""The inventory of actions, as pages and the command line list it. `journal/queries.py` reads whole actions."""

from dataclasses import dataclass

from receipts.store.row import Read, Row, blob, integer
from receipts.store.store import Store

_LISTED = "SELECT id, contract, state, status, agent, person, created_ms FROM actions"


@dataclass(frozen=True, slots=True)
class ListedAction:
    """One action in a list."""

    id: str
    contract: str
    state: str
    status: str
    agent: str
    person: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class WaitingTime:
    """From when until when an action waits for people."""

    action_id: str
    created_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class ToldResult:
    """What an action's agent was told last, as JSON, and the state of the action."""

    result: bytes
    state: str


def newest(read: Read) -> list[ListedAction]:
    """The newest actions of all tenants, the steps of plans too, 50 at most."""
    return [_listed(row) for row in read(f"{_LISTED} ORDER BY created_ms DESC LIMIT 50")]


async def newest_of(store: Store, tenant: str) -> list[ListedAction]:
    """The newest actions of a tenant, without the steps of plans, 100 at most."""
    rows = await store.read(
        f"{_LISTED} WHERE tenant = ? AND plan_id IS NULL ORDER BY id DESC LIMIT 100",
        tenant,
    )
    return [_listed(row) for row in rows]


def told(read: Read, action_id: str) -> ToldResult | None:
    """What the agent of an action was told last."""
    rows = read("SELECT result, state FROM actions WHERE id = ?", action_id)
    return ToldResult(blob(rows[0][0]), str(rows[0][1])) if rows else None


async def waiting_times(store: Store) -> list[WaitingTime]:
    """The times of every action that waits for people."""
    rows = await store.read(
        "SELECT id, created_ms, expires_ms FROM actions WHERE state <> 'ended' AND state = 'waiting'"
    )
    return [WaitingTime(str(r[0]), integer(r[1]), integer(r[2])) for r in rows]


async def waiting_count(store: Store, tenant: str) -> int:
    """How many actions of a tenant wait for people."""
    rows = await store.read(
        "SELECT count(*) FROM actions WHERE state <> 'ended' AND state = 'waiting' AND tenant = ?", tenant
    )
    return integer(rows[0][0])


def last_calls(read: Read, tenant: str) -> dict[str, int]:
    """When each contract was last called in a tenant."""
    # from one name to the next by the index, since to group all actions would read each of them
    rows = read(
        "WITH RECURSIVE names (contract) AS (SELECT min(contract) FROM actions WHERE tenant = ?1 UNION ALL"
        " SELECT (SELECT min(contract) FROM actions WHERE tenant = ?1 AND contract > names.contract) FROM names"
        " WHERE names.contract IS NOT NULL)"
        " SELECT contract, (SELECT created_ms FROM actions WHERE tenant = ?1 AND contract = names.contract"
        " ORDER BY id DESC LIMIT 1) FROM names WHERE contract IS NOT NULL",
        tenant,
    )
    return {str(name): integer(at) for name, at in rows}


def _listed(row: Row) -> ListedAction:
    return ListedAction(str(row[0]), str(row[1]), str(row[2]), str(row[3]), str(row[4]), str(row[5]), integer(row[6]))
