"""Evidence beside the log: what a receipt's commitments open to."""

from collections.abc import Mapping
from dataclasses import dataclass

from receipts.store.row import Read, blob, integer
from receipts.store.sealed_value import overhead_of
from receipts.store.store import Store


@dataclass(frozen=True, slots=True)
class EvidencePiece:
    """One piece of evidence under its label."""

    label: str
    data: bytes


@dataclass(frozen=True, slots=True)
class EvidenceSize:
    """How long one piece of evidence is, in bytes."""

    label: str
    size: int


async def sizes(store: Store, leaf_index: int) -> list[EvidenceSize]:
    """What evidence an entry of the log has, by label."""
    sql = "SELECT label, length(data), substr(data, 1, 4) FROM evidence WHERE leaf_index = ? ORDER BY label"
    rows = await store.read(sql, leaf_index)
    return [EvidenceSize(str(label), integer(size) - overhead_of(blob(begin))) for label, size, begin in rows]


async def piece(store: Store, receipt: str, label: str, tenant: str) -> bytes | None:
    """One piece of evidence of a receipt of this tenant."""
    rows = await store.read(
        "SELECT e.data FROM evidence AS e JOIN statements AS s USING (leaf_index)"
        " WHERE s.id = ? AND e.label = ? AND s.tenant = ?",
        receipt,
        label,
        tenant,
    )
    return blob(rows[0][0]) if rows else None


def pieces(read: Read, receipt: str) -> list[EvidencePiece]:
    """All evidence of a receipt, by label."""
    rows = read(
        "SELECT e.label, e.data FROM evidence AS e JOIN statements AS s USING (leaf_index) WHERE s.id = ?"
        " ORDER BY e.label",
        receipt,
    )
    return [EvidencePiece(str(label), blob(data)) for label, data in rows]


async def of_send(store: Store, leaf_index: int) -> Mapping[str, bytes]:
    """What an outcome kept of the send: the response, the outputs and the pages, by label."""
    rows = await store.read(
        "SELECT label, data FROM evidence WHERE leaf_index = ?"
        " AND (label IN ('response', 'outputs') OR label LIKE 'page/%')",
        leaf_index,
    )
    return {str(label): blob(data) for label, data in rows}
