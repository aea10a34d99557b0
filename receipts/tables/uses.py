"""How much each agent and each contract was used: its newest actions by their status."""

from dataclasses import dataclass
from typing import Final

from receipts.store.row import Read, Row, integer

MAX_COUNTED: Final = 5_000
"""The newest actions of a tenant that are counted."""
_NEWEST: Final = (
    " FROM (SELECT agent, contract, status, created_ms FROM actions WHERE tenant = ? AND created_ms >= ?{which}"
    " ORDER BY created_ms DESC LIMIT ?) AS newest"
)


@dataclass(frozen=True, slots=True)
class Use:
    """How many actions of one agent, or of one contract, stand at one status."""

    name: str
    status: str
    count: int


def of_agents(read: Read, tenant: str, since_ms: int) -> list[Use]:
    """The newest calls since then by their agent. A plan counts once, and its steps do not."""
    # what belongs to a plan was called by nobody
    newest = _NEWEST.format(which=" AND plan_id IS NULL")
    counted = f"SELECT agent, status, count(*){newest} GROUP BY agent, status ORDER BY agent, status"
    return _uses(read(counted, tenant, since_ms, MAX_COUNTED))


def of_contracts(read: Read, tenant: str, since_ms: int) -> list[Use]:
    """The newest actions since then by their contract or plan. The steps of a plan count beside it."""
    newest = _NEWEST.format(which="")
    counted = f"SELECT contract, status, count(*){newest} GROUP BY contract, status ORDER BY contract, status"
    return _uses(read(counted, tenant, since_ms, MAX_COUNTED))


def last_call(read: Read, tenant: str, agent: str) -> int | None:
    """When an agent called last, however long ago; None where the store has no call of it."""
    # ids grow with time, so that an index answers
    rows = read("SELECT created_ms FROM actions WHERE tenant = ? AND agent = ? ORDER BY id DESC LIMIT 1", tenant, agent)
    return integer(rows[0][0]) if rows else None


def _uses(rows: list[Row]) -> list[Use]:
    return [Use(str(name), str(status), integer(count)) for name, status, count in rows]
