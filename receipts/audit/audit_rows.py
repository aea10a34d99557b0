"""The audit of rows that are an index to a statement: keys, passkeys, agents, halts, the shadow, approvals
and their uses, actions.

What a row says more, less or otherwise than its signed statement is a finding.
"""

from collections.abc import Iterator, Mapping

import orjson

from contracts.canonical import commitment, pseudonym, sha256
from contracts.errors import AilyusError
from receipts.action.action_form import unpack_request
from receipts.action.action_result import ActionResult
from receipts.audit.action_faults import erased_faults, sentence_faults
from receipts.audit.archive_walk import NONE_AT_HAND, Archives
from receipts.audit.row_words import ActionWords, RowWords
from receipts.journal.roles import role_fact
from receipts.statement.signed_rows import AGENT, KEY, approval_is_said, key_is_said, key_of, registered
from receipts.store.row import Read, Row, Value, blob, integer
from receipts.tables import after_reviews, shadows

_BATCH = 500
_ACTION = (
    "SELECT id, tenant, agent, person, contract, connection, status, state, request, asked, result, says FROM actions"
)
_ACTIONS = f"{_ACTION} WHERE id > ? ORDER BY id LIMIT {_BATCH}"


def audit_rows(read: Read, words: RowWords, archives: Archives = NONE_AT_HAND) -> Iterator[str]:
    """Every row that is not what was signed, as one sentence."""
    tenants = {str(tenant): blob(key) for tenant, key in read("SELECT tenant, key FROM tenant_keys")}
    yield from _keys(read, words, tenants)
    yield from _agents(read, words)
    yield from _halts(read, words)
    yield from _shadow(read, words)
    yield from _reviews(read, words)
    yield from _roles(read, words, tenants)
    yield from _approvals(read, words, tenants, archives)
    for one in (read, *(file.read for file in archives.values())):
        yield from _actions(one, words, tenants)


def _keys(read: Read, words: RowWords, tenants: Mapping[str, bytes]) -> Iterator[str]:
    stored = set()
    for row in read(f"SELECT {KEY} FROM keys AS k LEFT JOIN passkeys AS p USING (keyid) ORDER BY k.keyid"):
        keyid = str(row[0])
        stored.add(keyid)
        said = words.keys.get(keyid)
        if said is None:
            yield f"the key `{keyid}` has no statement"
        elif not key_is_said(key_of(row), said, tenants.get(said.tenant)) or bool(row[4]) is (said.event == "linked"):
            yield f"the key `{keyid}` is not what its statement says"
    for keyid in sorted(words.keys.keys() - stored):
        yield f"the row of the key `{keyid}` is missing"


def _agents(read: Read, words: RowWords) -> Iterator[str]:
    stored = set()
    for row in read(f"{AGENT} ORDER BY name"):
        name = str(row[0])
        stored.add(name)
        said = words.agents.get(name)
        if said is None:
            yield f"the agent `{name}` has no statement"
            continue
        digest = said.text("registration")
        # one of an earlier version has no digest until the next start logs it
        same = row[1] == said.tenant and digest in ("", registered(row, observe_only=bool(row[5])))
        if not same or bool(row[6]) is not (said.event == "revoked"):
            yield f"the agent `{name}` is not what its statement says"
    for name in sorted(words.agents.keys() - stored):
        yield f"the row of the agent `{name}` is missing"


def _halts(read: Read, words: RowWords) -> Iterator[str]:
    sql = "SELECT scope, name, allow_undo, by, at_ms, reason FROM halts WHERE lifted_ms IS NULL ORDER BY at_ms"
    rows = {(str(row[0]), str(row[1])): row for row in read(sql)}
    live = {place: said for place, said in words.halts.items() if said.event == "halted"}
    for place in rows:
        if place not in live:
            named = " ".join(place).strip()
            yield f"the halt of `{named}` " + (
                "is not what its statement says" if place in words.halts else "has no statement"
            )
    for place, said in live.items():
        row = rows.get(place, ())
        signed = (said.facts.get("allowUndo") is True, said.text("by"), said.at_ms)
        reason = read("SELECT data FROM evidence WHERE leaf_index = ? AND label = 'reason'", said.leaf)
        if not row or (bool(row[2]), row[3], row[4]) != signed or [(str(row[5]).encode(),)] != (reason or [(b"",)]):
            yield f"the halt of `{' '.join(place).strip()}` is not what its statement says"


def _shadow(read: Read, words: RowWords) -> Iterator[str]:
    """A shadow that nobody ended, against the statement that began it; an earlier version logged none."""
    record, said = shadows.current(read), words.shadow
    if record is None or record.ended_ms is not None or said is None:
        return
    stated = (said.event, said.text("candidate"), said.text("by"), said.facts.get("untilMs"))
    if stated != ("began", record.digest, record.by, record.until_ms):  # guard: who began the shadow
        yield f"the shadow `{record.name}` is not what its statement says"


def _reviews(read: Read, words: RowWords) -> Iterator[str]:
    """Reviews that are owed still, against the statements that asked for them."""
    owed = {id_ for id_, is_closed in words.reviews.items() if not is_closed}
    found = {one.id for one in after_reviews.open_reviews(read)}
    yield from (f"the review `{id_}` was closed, and no statement says by whom" for id_ in sorted(owed - found))
    yield from (f"the review `{id_}` is not what its statement says" for id_ in sorted(found - owed))


def _roles(read: Read, words: RowWords, tenants: Mapping[str, bytes]) -> Iterator[str]:
    """What an identity provider said of roles; what an earlier version kept has no statement, and counts no more."""
    for person, roles, at_ms, refresh in read("SELECT person, roles, at_ms, refresh FROM role_facts ORDER BY person"):
        facts = {
            said.text("fact"): role_fact(key, str(person), str(roles), integer(at_ms), blob(refresh))
            for key in tenants.values()
            if (said := words.roles.get(pseudonym(key, "person", str(person)))) is not None
        }
        if not any(signed == stored for signed, stored in facts.items()):
            yield f"the roles of `{person!s}` are not what a statement says"


def _approvals(read: Read, words: RowWords, tenants: Mapping[str, bytes], archives: Archives) -> Iterator[str]:
    stored = set()
    sql = "SELECT id, action_id, person, role, signed FROM approvals ORDER BY id"
    for row in (row for one in (read, *(file.read for file in archives.values())) for row in one(sql)):
        id_ = str(row[0])
        stored.add(id_)
        predicate = words.approved.get(id_)
        if predicate is None or id_ in words.withdrawn:
            yield f"the approval `{id_}` " + ("has no statement" if predicate is None else "was taken back")
        elif not approval_is_said(row, predicate, tenants):
            yield f"the approval `{id_}` is not what its statement says"
    erased = {id_ for id_, said in words.approved.items() if said["action"] in words.erased}
    for id_ in sorted(words.approved.keys() - stored - words.withdrawn - erased):
        yield f"the row of the approval `{id_}` is missing"
    uses = {str(approval): str(user) for approval, user in read("SELECT approval_id, action_id FROM approval_uses")}
    unread = {str(id_) for id_, archive in read("SELECT id, archive FROM archive_actions") if archive not in archives}
    for id_ in sorted(uses.keys() | words.used.keys()):
        # which approvals an archived action used, its own archive says
        if uses.get(id_) != words.used.get(id_) and not (id_ not in words.used and uses[id_] in unread):
            said = "is missing" if id_ not in uses else "is not what an intent says"
            yield f"the use of the approval `{id_}` {said}"


def _actions(read: Read, words: RowWords, tenants: Mapping[str, bytes]) -> Iterator[str]:
    last: Value = ""
    while rows := read(_ACTIONS, last):
        last = rows[-1][0]
        for row in rows:
            yield from _action(read, row, words, tenants)


def action_faults(read: Read, action_id: str, words: RowWords, tenants: Mapping[str, bytes]) -> Iterator[str]:
    """What the row of one action says otherwise than its statements."""
    for row in read(f"{_ACTION} WHERE id = ?", action_id):
        yield from _action(read, row, words, tenants)


def _action(read: Read, row: Row, words: RowWords, tenants: Mapping[str, bytes]) -> Iterator[str]:
    id_, known = str(row[0]), words.actions.get(str(row[0]))
    if known is None:
        # a plan's own row is said of by its steps until it ends
        if not read("SELECT 1 FROM actions WHERE plan_id = ?", id_):
            yield f"the action `{id_}` has no statement"
        return
    if id_ in words.erased:  # guard: only what a statement says is erased
        yield from erased_faults(row, known)
        return
    if not request_is_said(row, known, tenants):
        yield f"the request of the action `{id_}` is not what its statement says"
    status, result = str(row[6]), blob(row[10])
    ended = row[7] == "ended"
    told = _told(result)
    if ended and (status not in known.ended or (told is not None and told.status != status)):
        yield f"the status of the action `{id_}` is not what its statement says"
    elif ended and known.answer and sha256(result) != known.answer:
        yield f"the result of the action `{id_}` is not what its statement says"
    elif told is None:
        yield f"the result of the action `{id_}` cannot be read"
    elif told.receipt_id not in (None, *known.receipts):
        yield f"the result of the action `{id_}` names a receipt of another"
    yield from sentence_faults(read, row, known, tenants.get(known.tenant, b""))
    if known.asked and row[9] is not None:
        sql = (
            "SELECT e.salt, e.data FROM evidence AS e JOIN statements AS s USING (leaf_index)"
            " WHERE s.action_id = ? AND s.status = 'approval_required' AND e.label = 'asked' ORDER BY leaf_index DESC"
        )
        salts = read(sql, id_)
        if salts and commitment(blob(salts[0][0]), blob(row[9])) != known.asked:
            yield f"what was asked about the action `{id_}` is not what its statement says"


def request_is_said(row: Row, known: ActionWords, tenants: Mapping[str, bytes]) -> bool:
    """Is the request of a row (id, tenant, agent, person, contract, connection, …) the one that was signed?"""
    try:
        request = unpack_request(blob(row[8]))
    except (AilyusError, ValueError, TypeError, KeyError):
        return False
    key = tenants.get(request.tenant)
    return (
        request.action_digest == known.digest
        and (request.tenant, request.agent, request.person, request.contract, request.connection)
        == tuple(str(value) for value in row[1:6])
        and (request.tenant, request.agent, request.contract, request.connection, request.boundary)
        == (known.tenant, known.agent, known.contract, known.connection, known.boundary)
        and key is not None
        and pseudonym(key, "person", request.person) == known.person
    )


def _told(data: bytes) -> ActionResult | None:
    try:
        return ActionResult.unpacked(data)
    except (orjson.JSONDecodeError, AilyusError):
        return None
