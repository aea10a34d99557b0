"""An overview of the log: how actions ended over time, how long people took, what was denied, what each connection did.

Each answer reads a bounded number of the newest rows by an index, so that it costs the same with a thousand statements
and with a million.
"""

from dataclasses import dataclass
from typing import Final

import orjson

from receipts.log.signing import Envelope
from receipts.store.row import Read, blob, integer

MAX_STATEMENTS: Final = 20_000
"""The newest statements that a chart counts."""
MAX_ACTIONS: Final = 500
"""The newest actions, approvals and denials that are looked at one by one."""
_RECENT: Final = (
    "WITH recent AS (SELECT at_ms, kind, status FROM statements"
    " WHERE tenant = ?1 AND at_ms >= ?2 ORDER BY at_ms DESC LIMIT ?3) "
)
_DECIDED: Final = (
    "WITH newest AS (SELECT leaf_index, action_id, at_ms, kind FROM statements"
    " WHERE tenant = ?1 AND status = ?2 ORDER BY leaf_index DESC LIMIT ?3)"
)
"""By the index of statuses: to look for decisions among the newest of all statements takes ten times as long."""
_SINCE: Final = "s.kind = 'decision' AND s.at_ms >= ?4"
_ENDS: Final = "kind IN ('outcome', 'decision') AND status NOT IN ('approved', 'withdrawn', 'approval_required')"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many actions ended with a status in one part of the time; `part` counts from the begin."""

    part: int
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class Taken:
    """How long one request waited for an approval."""

    at_ms: int
    waited_ms: int


@dataclass(frozen=True, slots=True)
class ConnectionSend:
    """One action that was sent by a connection, and how it stands."""

    connection: str
    status: str
    sent_ms: int
    updated_ms: int
    is_ended: bool


def outcomes(read: Read, tenant: str, since_ms: int, part_ms: int) -> list[Outcomes]:
    """Ends by status in parts of `part_ms`, of the newest statements since then."""
    rows = read(
        f"{_RECENT}SELECT (at_ms - ?2) / ?4, status, count(*) FROM recent WHERE {_ENDS} GROUP BY 1, 2 ORDER BY 1, 2",
        tenant,
        since_ms,
        MAX_STATEMENTS,
        part_ms,
    )
    return [Outcomes(integer(part), str(status), integer(count)) for part, status, count in rows]


def oldest_counted(read: Read, tenant: str, since_ms: int) -> int:
    """From when on the statements of the charts are: later than asked for where there are more than are counted."""
    rows = read(
        "SELECT at_ms FROM statements WHERE tenant = ? AND at_ms >= ? ORDER BY at_ms DESC LIMIT 1 OFFSET ?",
        tenant,
        since_ms,
        MAX_STATEMENTS - 1,
    )
    return integer(rows[0][0]) if rows else since_ms


def lead_times(read: Read, tenant: str, since_ms: int) -> list[Taken]:
    """How long the newest approvals took, from the request to the person's word."""
    rows = read(
        f"{_DECIDED} SELECT s.at_ms, a.created_ms FROM newest AS s JOIN actions AS a ON a.id = s.action_id"
        f" WHERE {_SINCE} ORDER BY s.leaf_index",
        tenant,
        "approved",
        MAX_ACTIONS,
        since_ms,
    )
    return [Taken(integer(at), integer(at) - integer(created)) for at, created in rows]


def denials_by_rule(read: Read, tenant: str, since_ms: int) -> dict[str, int]:
    """How often each policy denied, of the newest denials, most first; the empty id is what no policy permits."""
    rows = read(
        f"{_DECIDED} SELECT l.envelope FROM newest AS s JOIN statements AS l USING (leaf_index) WHERE {_SINCE}",
        tenant,
        "denied",
        MAX_ACTIONS,
        since_ms,
    )
    counts: dict[str, int] = {}
    for (envelope,) in rows:
        decision = orjson.loads(Envelope.decode(blob(envelope)).payload)["predicate"].get("decision") or {}
        named = {name for ids in (decision.get("policies") or {}).values() for name in ids}
        for name in named or {""}:
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def sent(read: Read, tenant: str, since_ms: int) -> list[ConnectionSend]:
    """The newest actions of a tenant that were sent, without whole plans, newest first."""
    rows = read(
        "SELECT connection, status, sent_ms, updated_ms, state FROM (SELECT * FROM actions"
        " WHERE tenant = ? AND created_ms >= ? ORDER BY created_ms DESC LIMIT ?) AS newest"
        " WHERE sent_ms > 0 AND plan IS NULL",
        tenant,
        since_ms,
        MAX_ACTIONS,
    )
    return [
        ConnectionSend(str(connection), str(status), integer(at), integer(updated), state == "ended")
        for connection, status, at, updated, state in rows
    ]
