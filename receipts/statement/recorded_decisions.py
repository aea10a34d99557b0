"""The decisions that the log keeps evidence of: what Cedar was asked, page by page in the order of the log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from receipts.log.signing import Envelope
from receipts.store.row import Read, Value, blob, integer

PAGE: Final = 500
"""Decisions that are read at once; with their evidence they take about two megabytes."""
_PAGE_SQL: Final = (
    "SELECT s.leaf_index, s.id, s.tenant, COALESCE(a.connection, ''), q.data, n.data FROM statements AS s"
    " JOIN evidence AS q ON q.leaf_index = s.leaf_index AND q.label = 'cedar/requests'"
    " JOIN evidence AS n ON n.leaf_index = s.leaf_index AND n.label = 'cedar/entities'"
    " LEFT JOIN actions AS a ON a.id = s.action_id"
    " WHERE s.leaf_index > ? AND s.at_ms >= ? ORDER BY s.leaf_index LIMIT ?"
)
_NEWEST_SQL: Final = (
    "SELECT s.leaf_index, s.id, s.tenant, COALESCE(a.connection, ''), q.data, n.data FROM statements AS s"
    " JOIN evidence AS q ON q.leaf_index = s.leaf_index AND q.label = 'cedar/requests'"
    " JOIN evidence AS n ON n.leaf_index = s.leaf_index AND n.label = 'cedar/entities'"
    " LEFT JOIN actions AS a ON a.id = s.action_id"
    " WHERE s.leaf_index < ? ORDER BY s.leaf_index DESC LIMIT ?"
)
_ONE_SQL: Final = (
    "SELECT s.id, s.tenant, COALESCE(a.connection, ''), q.data, n.data FROM statements AS s"
    " JOIN evidence AS q ON q.leaf_index = s.leaf_index AND q.label = 'cedar/requests'"
    " JOIN evidence AS n ON n.leaf_index = s.leaf_index AND n.label = 'cedar/entities'"
    " LEFT JOIN actions AS a ON a.id = s.action_id WHERE s.id = ?"
)
_DECIDED_SQL: Final = (
    "SELECT leaf_index, envelope FROM statements WHERE leaf_index > ? AND at_ms >= ?"
    " AND kind IN ('decision', 'intent', 'outcome') ORDER BY leaf_index LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """One decision: its receipt, its tenant, its connection ('' if not known), and Cedar's requests and entities."""

    receipt: str
    tenant: str
    connection: str
    requests: bytes
    entities: bytes


def decision_pages(read: Read, since_ms: int) -> Iterator[list[RecordedDecision]]:
    """Every recorded decision since then, in pages: memory does not grow with the log."""
    # by the last entry and not by an offset, which would read all rows before it again
    leaf = -1
    while rows := read(_PAGE_SQL, leaf, since_ms, PAGE):
        leaf = integer(rows[-1][0])
        yield [_recorded(row) for row in rows]


def newest_decisions(read: Read, below: int, most: int) -> tuple[list[RecordedDecision], int]:
    """The newest recorded decisions whose statements stand below this place of the log, and where the last one stands.

    Where there are none, the place is 0.
    """
    rows = read(_NEWEST_SQL, below, most)
    return [_recorded(row) for row in rows], integer(rows[-1][0]) if rows else 0


def _recorded(row: Sequence[Value]) -> RecordedDecision:
    _, receipt, tenant, connection, requests, entities = row
    return RecordedDecision(str(receipt), str(tenant), str(connection), blob(requests), blob(entities))


def deciding_policies(read: Read, since_ms: int) -> set[str]:
    """The `@id`s of all policies that decided anything since then, whatever came of it."""
    found: set[str] = set()
    leaf = -1
    while rows := read(_DECIDED_SQL, leaf, since_ms, PAGE):
        leaf = integer(rows[-1][0])
        for _, envelope in rows:
            decision = orjson.loads(Envelope.decode(blob(envelope)).payload)["predicate"].get("decision") or {}
            found.update(name for ids in (decision.get("policies") or {}).values() for name in ids)
    return found


def verdicts(read: Read, since_ms: int) -> dict[str, tuple[int, int]]:
    """How often people approved, by contract, and how often they refused or let a request expire."""
    rows = read(
        "SELECT contract, status, count(*) FROM statements WHERE kind = 'decision' AND at_ms >= ?"
        " AND status IN ('approved', 'refused', 'expired') GROUP BY contract, status",
        since_ms,
    )
    found: dict[str, tuple[int, int]] = {}
    for contract, status, count in rows:
        approved, refused = found.get(str(contract), (0, 0))
        is_given = status == "approved"
        found[str(contract)] = (approved + integer(count) * is_given, refused + integer(count) * (not is_given))
    return found


def decision_of(read: Read, receipt: str) -> RecordedDecision | None:
    """The decision of one receipt; None where there is no such receipt, or it keeps no evidence of a decision."""
    rows = read(_ONE_SQL, receipt)
    if not rows:
        return None
    found, tenant, connection, requests, entities = rows[0]
    return RecordedDecision(str(found), str(tenant), str(connection), blob(requests), blob(entities))


def count_of_decisions(read: Read, since_ms: int) -> int:
    """How many decisions have their evidence."""
    rows = read(
        "SELECT count(*) FROM statements AS s JOIN evidence AS q ON q.leaf_index = s.leaf_index"
        " AND q.label = 'cedar/requests' WHERE s.at_ms >= ?",
        since_ms,
    )
    return integer(rows[0][0])


def count_without_evidence(read: Read, since_ms: int) -> int:
    """How many denials keep none: nobody asked Cedar, or an earlier version kept nothing of it."""
    rows = read(
        "SELECT count(*) FROM statements AS s WHERE s.status = 'denied' AND s.at_ms >= ? AND NOT EXISTS"
        " (SELECT 1 FROM evidence AS q WHERE q.leaf_index = s.leaf_index AND q.label = 'cedar/requests')",
        since_ms,
    )
    return integer(rows[0][0])
