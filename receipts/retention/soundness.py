"""Is a group what its signed statements say? Only then it leaves the store.

Whoever can write rows could else have the archiver take a statement away that says something else than its row: the
revocation of a key, under the name of a closed action.
"""

from collections.abc import Mapping

import orjson

from contracts.canonical import commitment
from contracts.errors import AilyusError
from receipts.archive.action_group import ActionGroup
from receipts.audit.audit_rows import action_faults
from receipts.audit.row_words import RowWords
from receipts.log.log_keys import LogKeys
from receipts.log.merkle import leaf_hash
from receipts.log.signing import Envelope
from receipts.statement.signed_rows import approval_is_said
from receipts.store.row import Read, Value, blob, integer

_LEAF = "SELECT hash FROM nodes WHERE level = 0 AND idx = ?"


def is_sound(read: Read, group: ActionGroup, keys: LogKeys, tenants: Mapping[str, bytes]) -> bool:
    """Are statements, evidence and rows of a group what was signed under these keys, and did each action end?"""
    words = RowWords()
    evidence: dict[Value, list[Mapping[str, Value]]] = {}
    for piece in group.records("evidence"):
        evidence.setdefault(piece["leaf_index"], []).append(piece)
    for row in group.records("statements"):
        if not _hear(read, row, evidence.get(row["leaf_index"], []), keys, words):
            return False
    for id_ in group.ids:
        known = words.actions.get(id_)
        # guard: only what was signed is archived
        if known is None or not known.ended or any(action_faults(read, id_, words, tenants)):
            return False
    approvals = (tuple(row[name] for name in _APPROVAL) for row in group.records("approvals"))
    return all(
        (said := words.approved.get(str(row[0]))) is not None and approval_is_said(row, said, tenants)
        for row in approvals
    )


_APPROVAL = ("id", "action_id", "person", "role", "signed")


def _hear(
    read: Read,
    row: Mapping[str, Value],
    evidence: list[Mapping[str, Value]],
    keys: LogKeys,
    words: RowWords,
) -> bool:
    """Take in one statement, if it is signed, in the log, about its action, and opened by its evidence."""
    try:
        envelope = Envelope.decode(blob(row["envelope"]))
    except AilyusError:
        return False
    leaf = integer(row["leaf_index"])
    if not keys.holds(envelope, leaf) or read(_LEAF, leaf) != [(leaf_hash(envelope.leaf()),)]:
        return False
    statement = orjson.loads(envelope.payload)
    predicate = statement["predicate"]
    stated = tuple(predicate[name] for name in ("receipt", "kind", "action", "status"))
    if stated != (row["id"], row["kind"], row["action_id"], row["status"]):  # guard: a statement of another kind
        return False
    committed = predicate["commitments"]
    if any(committed.get(p["label"]) != commitment(blob(p["salt"]), blob(p["data"])) for p in evidence):
        return False
    words.hear(leaf, statement)
    return True
