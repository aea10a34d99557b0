"""Audit a store: the root recomputed, every body against its leaf, every index column against its signed body."""

from collections.abc import Iterator

import orjson

from contracts.canonical import commitment
from contracts.errors import AilyusError
from receipts.log import Checkpoint, Frontier, leaf_hash
from receipts.signing import Envelope, open_note
from receipts.store import Read, Row, Value, blob, integer
from receipts.verify import Roots

_COLUMNS = "leaf_index, id, kind, action_id, tenant, agent, contract, status, changed, at_ms, envelope"


def audit(read: Read, roots: Roots) -> Iterator[str]:
    """Every finding as one sentence; nothing found means that the store is as it was signed."""
    frontier = Frontier(0, [])
    heads = {integer(size): str(note) for size, note in read("SELECT size, note FROM checkpoints")}
    keys = roots.raw
    for row in _statements(read):
        index, receipt = row[0], str(row[1])
        if index != frontier.size:
            yield f"leaf {frontier.size} is missing"
            return
        try:
            envelope = Envelope.decode(blob(row[10]))
        except AilyusError:
            yield f"the body of `{receipt}` is damaged"
            return
        if not envelope.holds(keys):
            yield f"the signature of `{receipt}` does not hold"
        frontier.append(leaf_hash(envelope.leaf()))
        yield from _columns(read, row, envelope)
        note = heads.pop(frontier.size, None)
        if note is not None and not _is_head(note, frontier, roots):
            yield f"the checkpoint at {frontier.size} does not hold"
    for size in heads:
        yield f"the checkpoint at {size} stands beyond the log"
    for (approval,) in _texts(
        read("SELECT approval_id FROM approval_uses WHERE approval_id NOT IN (SELECT id FROM approvals)")
    ):
        yield f"the approval `{approval}` was used and is not there"
    for (action,) in _texts(
        read(
            "SELECT i.action_id FROM intents AS i JOIN actions AS a ON a.id = i.action_id"
            " WHERE i.state = 'intent' AND a.state = 'ended'"
        )
    ):
        yield f"the intent of `{action}` is open though the action has ended"


def _statements(read: Read) -> Iterator[Row]:
    """Every statement in the order of the log, some at a time."""
    last: Value = -1
    while rows := read(f"SELECT {_COLUMNS} FROM statements WHERE leaf_index > ? ORDER BY leaf_index LIMIT 500", last):
        yield from rows
        last = rows[-1][0]


def _columns(read: Read, row: Row, envelope: Envelope) -> Iterator[str]:
    receipt, predicate = str(row[1]), orjson.loads(envelope.payload)["predicate"]
    signed = (
        predicate["receipt"],
        predicate["kind"],
        predicate["action"],
        predicate["tenant"],
        predicate["agent"],
        predicate["contract"]["id"],
        predicate["status"],
        predicate["changed"],
        predicate["atMs"],
    )
    stored = (*row[1:8], None if row[8] is None else bool(row[8]), row[9])
    if stored != signed:
        yield f"an index column of `{receipt}` is not what was signed"
    search = {value for (value,) in read("SELECT value FROM search WHERE leaf_index = ?", row[0])}
    if search != set(predicate["search"]):
        yield f"the search values of `{receipt}` are not what was signed"
    for label, salt, data in read("SELECT label, salt, data FROM evidence WHERE leaf_index = ?", row[0]):
        if predicate.get("commitments", {}).get(label) != commitment(blob(salt), blob(data)):
            yield f"the evidence `{label!s}` of `{receipt}` is not what was committed to"


def _texts(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    return (tuple(str(value) for value in row) for row in rows)


def _is_head(note: str, frontier: Frontier, roots: Roots) -> bool:
    for key in roots.raw.values():
        try:
            checkpoint = Checkpoint.parse(open_note(note, roots.origin, key))
        except AilyusError:
            continue
        return (checkpoint.size, checkpoint.root) == (frontier.size, frontier.root())
    return False
