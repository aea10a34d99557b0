"""The questions of security teams, each with one answer for the console and the command line: the same ids.

1 what did an agent change · 2 what was not confirmed · 3 who approved it and what did they see · 4 everything done to
one person · 5 which policy allowed it · 6 what was tried and denied · 7 is anything missing since a time.
"""

import orjson
from pydantic import JsonValue

from receipts.audit.query import MAX_FOUND, Found, Query, find, predicate_of
from receipts.store.row import Read, blob, integer
from receipts.tables.archives import archived_statements

UNCONFIRMED = ("unknown", "diverged", "partial", "not_applied", "compensated")
"""Ends of what was sent, or was about to be, that are not what was asked for."""


def changed_by(read: Read, agent: str, since_ms: int, tenant: str | None = None, limit: int = MAX_FOUND) -> list[Found]:
    """What did this agent change since then?"""
    return find(read, Query(tenant=tenant, agent=agent, kind="outcome", changed=True, since_ms=since_ms, limit=limit))


def unconfirmed(read: Read, since_ms: int, tenant: str | None = None, limit: int = MAX_FOUND) -> list[Found]:
    """What was not confirmed since then? Open intents are asked for apart: they have no end yet."""
    return find(read, Query(tenant=tenant, statuses=UNCONFIRMED, ends_only=True, since_ms=since_ms, limit=limit))


def approved_by(read: Read, receipt_id: str) -> list[dict[str, JsonValue]]:
    """Who decided on the action of a receipt, in which role, with what comment, and what did they see?"""
    rows = read(
        "SELECT s.id, s.status, s.at_ms, e.data, a.data FROM statements AS s"
        " JOIN evidence AS e ON e.leaf_index = s.leaf_index AND e.label IN ('approval', 'decision')"
        " LEFT JOIN evidence AS a ON a.leaf_index = s.leaf_index AND a.label = 'asked'"
        " WHERE s.kind = 'decision' AND s.action_id = (SELECT action_id FROM statements WHERE id = ?)"
        " ORDER BY s.leaf_index",
        receipt_id,
    )
    found: list[dict[str, JsonValue]] = []
    for id_, status, at_ms, signed, asked in rows:
        approval = orjson.loads(blob(signed))
        binding = approval["binding"]
        found.append(
            {
                "receipt": str(id_),
                "status": str(status),
                "at_ms": integer(at_ms),
                "person": binding["approver"],
                "role": binding["role"],
                "comment": binding["comment"],
                "keyid": approval["keyid"],
                "key": "passkey" if approval.get("assertion") else "file",
                "saw": orjson.loads(blob(asked))["display"]["lines"] if asked is not None else None,
                "display": binding["subject"]["display_digest"],
            }
        )
    return found


def allowed_by(read: Read, receipt_id: str) -> list[dict[str, JsonValue]]:
    """Which policies decided on the action of a receipt, for the agent and for the person apart?"""
    rows = read(
        "SELECT s.id FROM statements AS s WHERE s.action_id = (SELECT action_id FROM statements WHERE id = ?)"
        " ORDER BY s.leaf_index",
        receipt_id,
    )
    found: list[dict[str, JsonValue]] = []
    for (id_,) in rows:
        predicate = predicate_of(read, str(id_))
        decision = predicate.get("decision")
        if isinstance(decision, dict) and decision.get("policies"):
            found.append(
                {
                    "receipt": str(id_),
                    "kind": predicate["kind"],
                    "status": predicate["status"],
                    "policies": decision["policies"],
                    "slice": decision.get("slice"),
                }
            )
    return found


def first_since(read: Read, since_ms: int, tenant: str | None = None) -> tuple[int, int]:
    """The size that the log had then, and has now: what an audit must find whole; of one tenant, or of all."""
    counted = "SELECT count(CASE WHEN at_ms < ? THEN 1 END), count(*) FROM statements"
    rows = read(counted, since_ms) if tenant is None else read(f"{counted} WHERE tenant = ?", since_ms, tenant)
    # what is archived is older than any time that is asked for
    archived = archived_statements(read, tenant)
    return integer(rows[0][0]) + archived, integer(rows[0][1]) + archived


def statements_kept(read: Read) -> int:
    """How many statements an audit reads, by the places of the first and the last one; archived ones are not here."""
    ((first, last),) = read("SELECT (SELECT min(leaf_index) FROM statements), (SELECT max(leaf_index) FROM statements)")
    return integer(last) - integer(first) + 1 if last is not None else 0


def day_of(read: Read, tenant: str, agent: str, now_ms: int) -> dict[str, int]:
    """How an agent's last 24 hours ended, by status: what an approver wants to know before the next yes."""
    rows = read(
        "SELECT status, count(*) FROM statements WHERE tenant = ? AND at_ms >= ? AND agent = ?"
        " AND kind IN ('outcome', 'decision') AND status NOT IN ('approved', 'withdrawn', 'approval_required')"
        " GROUP BY status ORDER BY status",
        tenant,
        now_ms - 86_400_000,
        agent,
    )
    return {str(status): integer(count) for status, count in rows}
