"""The denials of an agent: what it tried of one contract, how often, and why it was denied."""

from collections.abc import Mapping
from dataclasses import dataclass

from receipts.audit.query import Query, find
from receipts.store.row import Read, blob, integer

PROBING = 10
"""Denials of one contract for one agent that look like probing."""
NAMED = 50
"""Receipts that are named of each group of denials."""


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


def denied(read: Read, since_ms: int, tenant: str | None = None) -> list[Denials]:
    """What was tried and denied since then, grouped by agent and contract, most first; the newest receipts of each."""
    rows = read(
        "SELECT agent, contract, tenant, count(*), min(at_ms), max(at_ms) FROM statements"
        " WHERE kind = 'decision' AND status = 'denied' AND at_ms >= ?1 AND (tenant = ?2 OR ?2 IS NULL)"
        # the tenant too: two tenants may have agents of one name
        " GROUP BY agent, contract, tenant ORDER BY count(*) DESC, agent, contract",
        since_ms,
        tenant,
    )
    groups = []
    for agent, contract, of, count, first, last in rows:
        query = Query(
            tenant=str(of), agent=str(agent), contract=str(contract), kind="decision", status="denied",
            since_ms=since_ms, limit=NAMED,
        )  # fmt: skip
        receipts = tuple(one.receipt_id for one in find(read, query))
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
