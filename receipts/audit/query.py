"""Search over the indexed columns of statements. `audit` proves that they agree with the signed bodies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson
from pydantic import JsonValue

from contracts.errors import AilyusError
from receipts.log.signing import Envelope
from receipts.store.row import Read, Row, Value, blob, integer

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
_FEW = 2_000
"""Statements since a time that are sorted at once; of more, the log is read from its end until there are enough."""
_SINCE = "SELECT count(*) FROM (SELECT 1 FROM statements WHERE tenant = ? AND at_ms >= ? LIMIT ?) AS since"
_TENANTS = (
    "WITH RECURSIVE names (tenant) AS (SELECT min(tenant) FROM statements UNION ALL"
    " SELECT (SELECT min(tenant) FROM statements WHERE tenant > names.tenant) FROM names"
    " WHERE names.tenant IS NOT NULL) SELECT tenant FROM names WHERE tenant IS NOT NULL"
)
"""Each tenant of the log by one step in an index."""


def find(read: Read, query: Query) -> list[Found]:
    """Statements that match, newest first."""
    if query.tenant is not None or query.matches or query.action is not None or query.receipt is not None:
        return _find(read, query)
    # every index begins with the tenant: one after the other is read by them, and all at once would read the whole log
    found = [_find(read, replace(query, tenant=str(tenant))) for (tenant,) in read(_TENANTS)]
    newest = sorted((one for of_tenant in found for one in of_tenant), key=lambda one: -one.leaf_index)
    return newest[: query.limit]


def _find(read: Read, query: Query) -> list[Found]:
    where, values = _conditions(query)
    source = "statements AS s"
    if query.since_ms > 0:
        where.append(f"{_time(read, query)} >= ?")
        values.append(query.since_ms)
    if query.matches:
        marks = ", ".join("?" for _ in query.matches)
        # DISTINCT: two values may find one statement. CROSS JOIN: SQLite looks up these, and not each of a tenant
        source = f"(SELECT DISTINCT leaf_index FROM search WHERE value IN ({marks})) AS c CROSS JOIN {source}"
        where.append("s.leaf_index = c.leaf_index")
        values = [*query.matches, *values]
    # only our own literals are joined into the text; every value is a parameter
    sql = (
        "SELECT s.id, s.leaf_index, s.kind, s.action_id, s.tenant, s.agent, s.contract, s.status, s.changed, s.at_ms"
        f" FROM {source} WHERE {' AND '.join(where) or '1 = 1'} ORDER BY s.leaf_index DESC LIMIT ?"
    )
    return [_found(row) for row in read(sql, *values, query.limit)]


def _time(read: Read, query: Query) -> str:
    """The time as a column, which an index finds; or as a value, so that rows are taken in the order of the log."""
    if query.tenant is None:
        return "s.at_ms"
    ((count,),) = read(_SINCE, query.tenant, query.since_ms, _FEW)
    return "s.at_ms" if integer(count) < _FEW else "+s.at_ms"


def _conditions(query: Query) -> tuple[list[str], list[Value]]:
    """What a statement must be, beside its time and what it is found by."""
    where: list[str] = []
    values: list[Value] = []
    for column, attribute in _EQUAL:
        value = getattr(query, attribute)
        if value is not None:
            where.append(f"s.{column} = ?")
            values.append(value)
    for text, wanted in (
        ("s.action_id = ?", query.action),
        ("s.id = ?", query.receipt),
        ("s.leaf_index IN (SELECT leaf_index FROM search WHERE value = ?)", query.person),
        ("s.changed = ?", None if query.changed is None else int(query.changed)),
    ):
        if wanted is not None:
            where.append(text)
            values.append(wanted)
    if query.statuses:
        where.append(f"s.status IN ({', '.join('?' for _ in query.statuses)})")
        values.extend(query.statuses)
    if query.ends_only:
        where.append("s.kind IN ('outcome', 'decision') AND s.status <> 'approved'")
    return where, values


def _found(row: Row) -> Found:
    return Found(
        str(row[0]),
        integer(row[1]),
        str(row[2]),
        None if row[3] is None else str(row[3]),
        str(row[4]),
        str(row[5]),
        str(row[6]),
        str(row[7]),
        None if row[8] is None else bool(row[8]),
        integer(row[9]),
    )


def predicate_of(read: Read, receipt_id: str) -> Mapping[str, JsonValue]:
    """The signed predicate of a receipt; raises `not_found`."""
    rows = read("SELECT envelope FROM statements WHERE id = ?", receipt_id)
    if not rows:
        raise AilyusError("not_found", f"there is no receipt `{receipt_id}`")
    predicate = orjson.loads(Envelope.decode(blob(rows[0][0])).payload)["predicate"]
    return predicate if isinstance(predicate, dict) else {}
