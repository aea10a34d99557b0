"""Search over the indexed columns of statements. `audit` proves that they agree with the signed bodies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from contracts.errors import AilyusError
from receipts.log.signing import Envelope
from receipts.store.row import Read, blob

MAX_FOUND = 10_000
"""Receipts that one answer names."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; None matches everything. `person` and `matches` are pseudonyms (search values)."""

    tenant: str | None = None
    agent: str | None = None
    person: str | None = None
    matches: Sequence[str] = ()
    contract: str | None = None
    status: str | None = None
    statuses: Sequence[str] = ()
    changed: bool | None = None
    kind: str | None = None
    action: str | None = None
    receipt: str | None = None
    since_ms: int = 0
    ends_only: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Found:
    """One statement's indexed columns."""

    receipt_id: str
    leaf_index: int
    kind: str
    action_id: str | None
    tenant: str
    agent: str
    contract: str
    status: str
    changed: bool | None
    at_ms: int


_EQUAL = (("tenant", "tenant"), ("agent", "agent"), ("contract", "contract"), ("status", "status"), ("kind", "kind"))


def find(read: Read, query: Query) -> list[Found]:
    """Statements that match, newest first."""
    source, where = "statements AS s", ["s.at_ms >= ?"]
    values: list[object] = [query.since_ms]
    for column, attribute in _EQUAL:
        value = getattr(query, attribute)
        if value is not None:
            where.append(f"s.{column} = ?")
            values.append(value)
    if query.action is not None:
        where.append("s.action_id = ?")
        values.append(query.action)
    if query.receipt is not None:
        where.append("s.id = ?")
        values.append(query.receipt)
    if query.person is not None:
        where.append("s.leaf_index IN (SELECT leaf_index FROM search WHERE value = ?)")
        values.append(query.person)
    if query.changed is not None:
        where.append("s.changed = ?")
        values.append(int(query.changed))
    if query.statuses:
        where.append(f"s.status IN ({', '.join('?' for _ in query.statuses)})")
        values.extend(query.statuses)
    if query.ends_only:
        where.append("s.kind IN ('outcome', 'decision') AND s.status <> 'approved'")
    if query.matches:
        marks = ", ".join("?" for _ in query.matches)
        # DISTINCT: two values may find one statement. CROSS JOIN: SQLite looks up these, and not each of a tenant
        source = f"(SELECT DISTINCT leaf_index FROM search WHERE value IN ({marks})) AS c CROSS JOIN {source}"
        where.append("s.leaf_index = c.leaf_index")
        values = [*query.matches, *values]
    # only our own literals are joined into the text; every value is a parameter
    sql = (
        "SELECT s.id, s.leaf_index, s.kind, s.action_id, s.tenant, s.agent, s.contract, s.status, s.changed, s.at_ms"
        f" FROM {source} WHERE {' AND '.join(where)} ORDER BY s.leaf_index DESC LIMIT ?"
    )
    rows = read(sql, *values, query.limit)
    return [
        Found(
            str(r[0]),
            int(str(r[1])),
            str(r[2]),
            None if r[3] is None else str(r[3]),
            str(r[4]),
            str(r[5]),
            str(r[6]),
            str(r[7]),
            None if r[8] is None else bool(r[8]),
            int(str(r[9])),
        )
        for r in rows
    ]


def predicate_of(read: Read, receipt_id: str) -> Mapping[str, JsonValue]:
    """The signed predicate of a receipt; raises `not_found`."""
    rows = read("SELECT envelope FROM statements WHERE id = ?", receipt_id)
    if not rows:
        raise AilyusError("not_found", f"there is no receipt `{receipt_id}`")
    predicate = orjson.loads(Envelope.decode(blob(rows[0][0])).payload)["predicate"]
    return predicate if isinstance(predicate, dict) else {}
