"""The actions about somebody: found by what is indexed, then by reading everything that can still be opened."""

import orjson

from receipts.action.word_index import word_token
from receipts.audit.record_search import done_to
from receipts.store.row import Read, Value, blob

_BATCH = 200
_PAGES = (
    "SELECT id, id, request, asked, result, says, plan FROM actions WHERE tenant = ?1 AND id > ?2 ORDER BY id",
    "SELECT i.rowid, i.action_id, i.before, i.after FROM intents AS i JOIN actions AS a ON a.id = i.action_id"
    " WHERE a.tenant = ?1 AND i.rowid > ?2 ORDER BY i.rowid",
    "SELECT p.id, p.action_id, p.signed FROM approvals AS p JOIN actions AS a ON a.id = p.action_id"
    " WHERE a.tenant = ?1 AND p.id > ?2 ORDER BY p.id",
)
_STATEMENTS = "SELECT leaf_index, action_id FROM statements WHERE tenant = ?1 AND leaf_index > ?2 ORDER BY leaf_index"
_EVIDENCE = "SELECT leaf_index, salt, data FROM evidence WHERE leaf_index BETWEEN ? AND ?"


def indexed_actions(read: Read, tenant: str, subject: str) -> set[str]:
    """The actions that name somebody in a search value or a word: by id, e-mail, label, or an indexed input."""
    found = {one.action_id for one in done_to(read, subject, tenant, limit=1_000_000) if one.action_id}
    for (key,) in read("SELECT key FROM tenant_keys WHERE tenant = ?", tenant):
        words = [word_token(blob(key), word) for word in (subject.lower(), f"={subject.lower()}")]
        sql = "SELECT action_id FROM action_words WHERE tenant = ? AND word IN (?, ?, ?, ?)"
        named = read(sql, tenant, *words, subject.lower(), f"={subject.lower()}")
        found |= {str(action) for (action,) in named}
    return found


def actions_that_hold(read: Read, tenant: str, subject: str) -> set[str]:
    """The actions in whose values and evidence the subject stands, in whichever case; pictures are not read."""
    needles = {subject.lower().encode(), orjson.dumps(subject.lower())[1:-1], ascii(subject.lower())[1:-1].encode()}
    found = set()
    for sql in _PAGES:
        last: Value = 0 if "rowid" in sql else ""
        while rows := read(f"{sql} LIMIT {_BATCH}", tenant, last):
            last = rows[-1][0]
            found |= {str(row[1]) for row in rows if any(_holds(value, needles) for value in row[2:])}
    last = -1
    while rows := read(f"{_STATEMENTS} LIMIT {_BATCH}", tenant, last):
        last = rows[-1][0]
        action = {leaf: str(id_) for leaf, id_ in rows if id_ is not None}
        evidence = read(_EVIDENCE, rows[0][0], last)
        found |= {action[leaf] for leaf, _, data in evidence if leaf in action and _holds(data, needles)}
    return found


def has_key(read: Read, action: str) -> bool:
    """Is the key of an action there, so that its sealed values open?"""
    return read("SELECT 1 FROM data_keys WHERE action_id = ?", action) != []


def is_kept(read: Read, action: str) -> bool:
    """Is anything of it left to erase? The pseudonyms of what was erased stay, and find it."""
    sql = "SELECT 1 FROM evidence JOIN statements USING (leaf_index) WHERE action_id = ? LIMIT 1"
    return has_key(read, action) or read(sql, action) != []


def is_person(read: Read, tenant: str, name: str) -> bool:
    """Did somebody of this name ask for an action, or decide on one?"""
    asked = read("SELECT 1 FROM actions WHERE tenant = ? AND person = ? LIMIT 1", tenant, name)
    return bool(asked) or bool(read("SELECT 1 FROM approvals WHERE person = ? LIMIT 1", name))


def _holds(value: Value, needles: set[bytes]) -> bool:
    data = value if isinstance(value, bytes) else str(value).encode() if isinstance(value, str) else b""
    lower = data.lower()
    return any(needle in lower for needle in needles)
