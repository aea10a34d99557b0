"""The questions of security teams, each with one answer for the console and the command line: the same ids.

1 what did an agent change · 2 what was not confirmed · 3 who approved it and what did they see · 4 everything done to
one person · 5 which policy allowed it · 6 what was tried and denied · 7 is anything missing since a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import orjson
from pydantic import JsonValue

from contracts.canonical import pseudonym
from contracts.errors import AilyusError
from receipts.action.status import Status
from receipts.audit.query import Found, Query, Read, find
from receipts.log.signing import Envelope
from receipts.statement.facts import Kind
from receipts.store.row import blob, integer

OTHER_STATUSES = ("approved", "withdrawn", "holds", "drifted", "asserted_applied", "asserted_not_applied")
"""What statements say that are no end of an action: of an approval, a later look, a person's word."""
UNCONFIRMED = ("unknown", "diverged", "partial", "not_applied", "compensated")
"""Ends of what was sent, or was about to be, that are not what was asked for."""
PROBING = 10
"""Denials of one contract for one agent that look like probing."""
NAMED = 50
"""Receipts that are named of each group of denials."""
MAX_FOUND = 10_000
"""Receipts that one answer names."""
_PAGE = 5_000
"""Actions that are read at once."""


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


def changed_by(read: Read, agent: str, since_ms: int, tenant: str | None = None, limit: int = MAX_FOUND) -> list[Found]:
    """What did this agent change since then?"""
    return find(read, Query(tenant=tenant, agent=agent, kind="outcome", changed=True, since_ms=since_ms, limit=limit))


def unconfirmed(read: Read, since_ms: int, tenant: str | None = None, limit: int = MAX_FOUND) -> list[Found]:
    """What was not confirmed since then? Open intents are asked for apart: they have no end yet."""
    return find(read, Query(tenant=tenant, statuses=UNCONFIRMED, ends_only=True, since_ms=since_ms, limit=limit))


def done_to(read: Read, value: str, tenant: str | None = None, limit: int = MAX_FOUND) -> list[Found]:
    """Everything about one record or person: by id, e-mail or an indexed input, though receipts hold pseudonyms.

    An e-mail finds a record's statements; those name the record, and so its other statements are found as well.
    """
    kinds = _kinds(read)
    own = _pseudonyms(read, kinds, value)
    direct = find(read, Query(tenant=tenant, matches=own, limit=limit))
    further = _of_the_same_records(read, kinds, direct) if direct else []
    if not further:
        return direct
    return find(read, Query(tenant=tenant, matches=[*own, *further], limit=limit))


def search_values(read: Read, value: str) -> list[str]:
    """The pseudonyms that a value can have, in every tenant and for every kind that is indexed."""
    return _pseudonyms(read, _kinds(read), value)


def _pseudonyms(read: Read, kinds: Sequence[str], value: str) -> list[str]:
    return [pseudonym(key, kind, value) for key in _keys(read).values() for kind in kinds]


def _of_the_same_records(read: Read, kinds: Sequence[str], found: Sequence[Found]) -> list[str]:
    """The other pseudonyms of the records that these statements are about, also before the record was looked at."""
    keys, inputs = _keys(read), [kind for kind in kinds if kind.startswith("input.")]
    records: set[tuple[str, str]] = set()
    for one in found:
        resource = predicate_of(read, one.receipt_id).get("resource")
        if isinstance(resource, dict) and isinstance(resource.get("id"), str):
            records.add((one.tenant, str(resource["id"])))
    values = {resource for _, resource in records}
    for action in {one.action_id for one in found if one.action_id}:
        rows = read("SELECT tenant, request FROM actions WHERE id = ?", action)
        for tenant, request in rows:
            key = keys[str(tenant)]
            for param in orjson.loads(blob(request))["params"].values():
                if isinstance(param, str) and (str(tenant), pseudonym(key, "resource", param)) in records:
                    values |= {pseudonym(key, kind, param) for kind in inputs}
    return sorted(values)


def denied(read: Read, since_ms: int, tenant: str | None = None) -> list[Denials]:
    """What was tried and denied since then, grouped by agent and contract, most first; the newest receipts of each."""
    rows = read(
        "SELECT agent, contract, tenant, count(*), min(at_ms), max(at_ms) FROM statements"
        " WHERE kind = 'decision' AND status = 'denied' AND at_ms >= ?1 AND (tenant = ?2 OR ?2 IS NULL)"
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


def require_agent(read: Read, agent: str, tenant: str | None = None) -> None:
    """Raises when no agent has or had this name: an empty answer about a misspelt name would reassure falsely."""
    sql = "SELECT DISTINCT {0} FROM {1} WHERE {0} <> '' AND (tenant = ?1 OR ?1 IS NULL)"
    registered = read(sql.format("name", "agents"), tenant)
    if any(agent == name for (name,) in registered) or _is_named(read, "agent", agent, tenant):
        return
    acted = read(sql.format("agent", "statements"), tenant)
    known = sorted({str(name) for (name,) in [*registered, *acted]})
    raise AilyusError("unknown_agent", f"there is no agent `{agent}`", hint=_of(known))  # guard: names that nobody has


def require_contract(read: Read, contract: str, tenant: str | None = None) -> None:
    """Raises when no contract or plan of this name was ever released or called."""
    released = read("SELECT DISTINCT name FROM contract_versions")
    if any(contract == name for (name,) in released) or _is_named(read, "contract", contract, tenant):
        return
    sql = "SELECT DISTINCT contract FROM statements WHERE contract <> '' AND (tenant = ?1 OR ?1 IS NULL)"
    known = sorted({str(name) for (name,) in [*released, *read(sql, tenant)]})
    raise AilyusError("not_found", f"there is no contract `{contract}`", hint=_of(known))


def require_status(read: Read, status: str) -> None:
    """Raises when a statement can have no such status."""
    known = [*get_args(Status), *OTHER_STATUSES]
    if status not in known and not _is_named(read, "status", status, None):
        raise AilyusError("not_found", f"there is no status `{status}`", hint=_of(known))


def require_kind(kind: str) -> None:
    """Raises when there is no such kind of statement."""
    if kind not in get_args(Kind):
        raise AilyusError("not_found", f"there is no kind `{kind}`", hint=_of(get_args(Kind)))


def _is_named(read: Read, column: Literal["agent", "contract", "status"], name: str, tenant: str | None) -> bool:
    sql = f"SELECT 1 FROM statements WHERE {column} = ?1 AND (tenant = ?2 OR ?2 IS NULL) LIMIT 1"
    return bool(read(sql, name, tenant))


def _of(known: Sequence[str]) -> str:
    return f"one of {', '.join(known)}" if known else "there is none yet"


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
    return integer(rows[0][0]), integer(rows[0][1])


def predicate_of(read: Read, receipt_id: str) -> Mapping[str, JsonValue]:
    """The signed predicate of a receipt; raises `not_found`."""
    rows = read("SELECT envelope FROM statements WHERE id = ?", receipt_id)
    if not rows:
        raise AilyusError("not_found", f"there is no receipt `{receipt_id}`")
    predicate = orjson.loads(Envelope.decode(blob(rows[0][0])).payload)["predicate"]
    return predicate if isinstance(predicate, dict) else {}


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


def _keys(read: Read) -> dict[str, bytes]:
    return {str(tenant): blob(key) for tenant, key in read("SELECT tenant, key FROM tenant_keys")}


def _kinds(read: Read) -> list[str]:
    """Every kind of value that is indexed; one pass over all actions, a page at a time, so it is asked for once."""
    names: set[str] = set()
    last, size = "", _PAGE
    while size == _PAGE:
        rows = read("SELECT id, request FROM actions WHERE id > ? ORDER BY id LIMIT ?", last, _PAGE)
        for action, request in rows:
            names |= orjson.loads(blob(request))["params"].keys()
            last = str(action)
        size = len(rows)
    return ["resource", "label", "person", *sorted(f"input.{name}" for name in names)]
