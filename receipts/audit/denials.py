"""The denials of an agent: what it tried of one contract, how often, and why it was denied."""

from collections.abc import Mapping
from dataclasses import dataclass

from receipts.store.row import Read, blob, integer

PROBING = 10
"""Denials of one contract for one agent that look like probing."""
NAMED = 50
"""Receipts that are named of each group of denials, if no other number is asked for."""


@dataclass(frozen=True, slots=True)
class Denials:
    """What one agent was denied of one contract, with the newest receipts of it and, by receipt, why."""

    agent: str
    contract: str
    count: int
    first_ms: int
    last_ms: int
    receipts: tuple[str, ...]
    reasons: Mapping[str, str]

    @property
    def looks_like_probing(self) -> bool:
        """So many in a row that somebody should look."""
        return self.count >= PROBING


def denied(read: Read, since_ms: int, tenant: str | None = None, named: int = NAMED) -> list[Denials]:
    """What was denied since then, by agent and contract, most first, with the `named` newest receipts of each."""
    whose, of_whom = ("", ()) if tenant is None else ("tenant = ? AND ", (tenant,))
    chosen = f"FROM statements WHERE {whose}at_ms >= ? AND kind = 'decision' AND status = 'denied'"
    # the tenant too: two tenants may have agents of one name
    rows = read(
        f"SELECT agent, contract, tenant, count(*), min(at_ms), max(at_ms) {chosen}"
        " GROUP BY agent, contract, tenant ORDER BY count(*) DESC, agent, contract",
        *of_whom,
        since_ms,
    )
    newest: dict[tuple[str, str, str], list[str]] = {}
    for agent, contract, of, receipt in read(
        "SELECT agent, contract, tenant, id FROM (SELECT agent, contract, tenant, id, leaf_index,"
        f" row_number() OVER (PARTITION BY agent, contract, tenant ORDER BY leaf_index DESC) AS place {chosen})"
        " AS placed WHERE place <= ? ORDER BY leaf_index DESC",
        *of_whom,
        since_ms,
        named,
    ):
        newest.setdefault((str(agent), str(contract), str(of)), []).append(str(receipt))
    groups = []
    for agent, contract, of, count, first, last in rows:
        receipts = tuple(newest.get((str(agent), str(contract), str(of)), ()))
        reasons = {receipt: why for receipt in receipts if (why := reason_of(read, receipt))}
        groups.append(
            Denials(str(agent), str(contract), integer(count), integer(first), integer(last), receipts, reasons)
        )
    return groups


def reason_of(read: Read, receipt_id: str) -> str:
    """Why it was denied or could not be asked, for people: kept as evidence, since agents are not told. Else empty."""
    rows = read(
        "SELECT e.data FROM evidence AS e JOIN statements AS s USING (leaf_index) WHERE s.id = ? AND e.label = 'why'",
        receipt_id,
    )
    return blob(rows[0][0]).decode() if rows else ""
