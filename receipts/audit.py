"""Audit a store: the root recomputed, every body against its leaf, every index column against its signed body."""

import sqlite3
from collections.abc import Iterator

import orjson

from contracts.canonical import commitment
from contracts.errors import AilyusError
from receipts.log import Checkpoint, Frontier, leaf_hash
from receipts.signing import Envelope, open_note
from receipts.verify import Roots

_COLUMNS = "leaf_index, id, kind, action_id, tenant, agent, contract, status, changed, at_ms, envelope"


def audit(connection: sqlite3.Connection, roots: Roots) -> Iterator[str]:
    """Every finding as one sentence; nothing found means that the store is as it was signed."""
    frontier = Frontier(0, [])
    heads = dict(connection.execute("SELECT size, note FROM checkpoints").fetchall())
    keys = roots.raw
    for row in connection.execute(f"SELECT {_COLUMNS} FROM statements ORDER BY leaf_index"):
        index, receipt = row[0], row[1]
        if index != frontier.size:
            yield f"leaf {frontier.size} is missing"
            return
        try:
            envelope = Envelope.decode(bytes(row[10]))
        except AilyusError:
            yield f"the body of `{receipt}` is damaged"
            return
        if not envelope.holds(keys):
            yield f"the signature of `{receipt}` does not hold"
        frontier.append(leaf_hash(envelope.leaf()))
        yield from _columns(connection, row, envelope)
        note = heads.pop(frontier.size, None)
        if note is not None and not _is_head(note, frontier, roots):
            yield f"the checkpoint at {frontier.size} does not hold"
    for size in heads:
        yield f"the checkpoint at {size} stands beyond the log"
    for (approval,) in connection.execute(
        "SELECT approval_id FROM approval_uses WHERE approval_id NOT IN (SELECT id FROM approvals)"
    ):
        yield f"the approval `{approval}` was used and is not there"
    for (action,) in connection.execute(
        "SELECT i.action_id FROM intents AS i JOIN actions AS a ON a.id = i.action_id"
        " WHERE i.state = 'intent' AND a.state = 'ended'"
    ):
        yield f"the intent of `{action}` is open though the action has ended"


def _columns(connection: sqlite3.Connection, row: tuple[object, ...], envelope: Envelope) -> Iterator[str]:
    predicate = orjson.loads(envelope.payload)["predicate"]
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
        yield f"an index column of `{row[1]}` is not what was signed"
    search = {value for (value,) in connection.execute("SELECT value FROM search WHERE leaf_index = ?", (row[0],))}
    if search != set(predicate["search"]):
        yield f"the search values of `{row[1]}` are not what was signed"
    for label, salt, data in connection.execute(
        "SELECT label, salt, data FROM evidence WHERE leaf_index = ?", (row[0],)
    ):
        if predicate.get("commitments", {}).get(label) != commitment(salt, data):
            yield f"the evidence `{label}` of `{row[1]}` is not what was committed to"


def _is_head(note: str, frontier: Frontier, roots: Roots) -> bool:
    for key in roots.raw.values():
        try:
            checkpoint = Checkpoint.parse(open_note(note, roots.origin, key))
        except AilyusError:
            continue
        return (checkpoint.size, checkpoint.root) == (frontier.size, frontier.root())
    return False
