"""Intents as rows: what is on the wire now, and how long a send was left to settle."""

from dataclasses import dataclass

from receipts.store.row import integer
from receipts.store.store import Store


@dataclass(frozen=True, slots=True)
class WireIntent:
    """An action that is on the wire, and by which connection."""

    action_id: str
    connection: str


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An action that is on the wire, and until when its request may still leave."""

    action_id: str
    agent: str
    contract: str
    deadline_ms: int


async def on_the_wire(store: Store) -> list[WireIntent]:
    """Every action that is on the wire."""
    rows = await store.read("SELECT action_id, connection FROM intents WHERE state = 'intent'")
    return [WireIntent(str(action), str(connection)) for action, connection in rows]


async def per_connection(store: Store, tenant: str) -> dict[str, int]:
    """How many actions of a tenant are on the wire, by connection."""
    # without `|| ''` an index leads to every action of the tenant, and then to its intents
    rows = await store.read(
        "SELECT i.connection, count(*) FROM intents AS i JOIN actions AS a ON a.id = i.action_id"
        " WHERE i.state = 'intent' AND a.tenant || '' = ? GROUP BY i.connection",
        tenant,
    )
    return {str(name): integer(count) for name, count in rows}


async def of_tenant(store: Store, tenant: str) -> list[OpenIntent]:
    """The actions of a tenant that are on the wire, 100 at most."""
    rows = await store.read(
        "SELECT action_id, agent, contract, deadline_ms FROM open_intents WHERE tenant || '' = ? LIMIT 100", tenant
    )
    return [OpenIntent(str(r[0]), str(r[1]), str(r[2]), integer(r[3])) for r in rows]


async def settle_ms(store: Store, action_id: str) -> int | None:
    """How long the last attempt of an action was left to settle; None when nothing was sent."""
    rows = await store.read(
        "SELECT settle_ms FROM intents WHERE action_id = ? ORDER BY attempt DESC LIMIT 1", action_id
    )
    return integer(rows[0][0]) if rows else None
