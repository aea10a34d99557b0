"""Proof files: authentic or not, by one bit, another key, another leaf, a shorter or another history; and the audit."""

import base64
import re
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from receipts.audit.audit import audit
from receipts.audit.proof import write_proof
from receipts.audit.roots import Roots, read_roots
from receipts.audit.verify import verify
from receipts.log.checkpoint import Checkpoint
from receipts.log.signing import Signer
from receipts.store.sqlite_file import connect
from tests.sealed import opened_reader
from tests.world import MARIA, Sandbox, World, gateway, make_workspace


class Proven:
    def __init__(self, world: World, receipt: str, since: str | None = None) -> None:
        store = world.workspace.store
        connection = connect(store, readonly=True)
        old = Checkpoint.of_note(since).size if since else None
        self.data = write_proof(opened_reader(connection, store), receipt, old, True).encoded()
        connection.close()
        self.roots = read_roots(world.workspace.root / "roots.json")

    def changed(self, change: Any) -> bytes:
        content = orjson.loads(self.data)
        change(content)
        return orjson.dumps(content)


async def test_a_proof_and_everything_that_is_none(world: World) -> None:
    await world.call("find_user", {"email": "leo@example.com"})
    since = world.app.store.head()
    outcome = await world.reset()
    proven = Proven(world, outcome["receipt_id"], since)
    verified = verify(proven.data, proven.roots, since)
    assert verified.receipt["status"] == "confirmed"
    kinds = {str(s["kind"]) for s in verified.statements}
    assert kinds == {"release", "key", "decision", "intent", "outcome"}
    labels = {label for _, label in verified.disclosed}
    assert {"params", "before/user", "after/factors", "response", "cedar/entities", "approval/0", "schema"} <= labels

    def refused(data: bytes, roots: Roots = proven.roots, head: str | None = None) -> str:
        with pytest.raises(AilyusError) as caught:
            verify(data, roots, head)
        return caught.value.code

    stranger = Signer(Ed25519PrivateKey.generate())
    other = Roots(origin=proven.roots.origin, keys={next(iter(proven.roots.keys)): stranger.public.hex()})
    assert refused(proven.data, other) == "not_authentic"
    assert refused(proven.data, Roots(origin="ailyus.local/other", keys=proven.roots.keys)) == "not_authentic"
    swap = proven.changed(lambda c: c["statements"][0].update(proof=c["statements"][1]["proof"]))
    assert refused(swap) == "not_authentic"
    assert refused(proven.changed(lambda c: c.update(receipt="rcp_other"))) == "not_authentic"
    forged = base64.b64encode(b"[]").decode()
    assert refused(proven.changed(lambda c: c["disclosures"][0].update(data=forged))) == "not_authentic"
    without = proven.changed(lambda c: c["statements"].__delitem__(_place(c, "intent")))
    assert refused(without) == "not_authentic"
    keyless = proven.changed(lambda c: c.update(statements=[s for s in c["statements"] if '"key"' not in _payload(s)]))
    assert refused(keyless) == "not_authentic"
    assert refused(proven.changed(lambda c: c.update(consistency=None)), head=since) == "not_authentic"
    for position in range(0, len(proven.data), max(1, len(proven.data) // 60)):
        bit = proven.data[:position] + bytes([proven.data[position] ^ 1]) + proven.data[position + 1 :]
        if orjson_same(bit, proven.data):
            continue
        with pytest.raises(AilyusError):
            verify(bit, proven.roots, since)


def orjson_same(one: bytes, other: bytes) -> bool:
    """A changed bit in insignificant white space changes nothing that is said."""
    try:
        return bool(orjson.loads(one) == orjson.loads(other))
    except orjson.JSONDecodeError:
        return False


def _payload(statement: dict[str, str]) -> str:
    return base64.b64decode(orjson.loads(statement["envelope"])["payload"]).decode().split('"kind":')[1][:6]


def _place(content: dict[str, Any], kind: str) -> int:
    return next(i for i, s in enumerate(content["statements"]) if f'"{kind[:4]}' in _payload(s))


async def test_a_log_cut_by_one_leaf_or_grown_from_another_history(tmp_path: Path, sandbox: Sandbox) -> None:
    async with gateway(make_workspace(tmp_path / "w", sandbox), sandbox) as world:
        first = await world.call("find_user", {"email": "maria@example.com"})
        await world.call("find_user", {"email": "leo@example.com"})
        newest = world.app.store.head()
        cut = Proven(world, first["receipt_id"])
    store = tmp_path / "w" / ".ailyus" / "store.db"
    connection = sqlite3.connect(store)
    connection.execute("DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)")
    connection.commit()
    shorter = write_proof(opened_reader(connection, store), first["receipt_id"], None, True).encoded()
    with pytest.raises(AilyusError):
        verify(shorter, cut.roots, newest)
    with pytest.raises(AilyusError):
        write_proof(opened_reader(connection, store), first["receipt_id"], Checkpoint.of_note(newest).size, True)
    connection.close()
    # the same key, the same origin, another history
    other = make_workspace(tmp_path / "other" / "w", sandbox)
    (other.private / "log.pem").write_bytes((tmp_path / "w" / ".ailyus" / "log.pem").read_bytes())
    (other.private / "log.pem").chmod(0o600)
    async with gateway(other, sandbox) as world:
        for _ in range(4):
            forked = await world.call("find_user", {"email": "ada@example.com"})
        proof = Proven(world, forked["receipt_id"], newest)
        assert verify(proof.data, proof.roots).receipt["status"] == "confirmed"
        with pytest.raises(AilyusError, match="continuation"):
            verify(proof.data, proof.roots, newest)


async def test_the_audit_sees_every_change(world: World) -> None:
    await world.reset()
    path = world.workspace.store
    roots = read_roots(world.workspace.root / "roots.json")
    connection = connect(path, readonly=True)
    assert list(audit(opened_reader(connection, path), roots)) == []
    connection.close()
    changes = [
        "UPDATE statements SET status = 'denied' WHERE kind = 'outcome'",
        "UPDATE statements SET agent = 'other' WHERE kind = 'intent'",
        "UPDATE statements SET at_ms = at_ms + 1 WHERE kind = 'outcome'",
        "DELETE FROM statements WHERE kind = 'intent'",
        "UPDATE evidence SET data = x'00' WHERE label = 'params'",
        "DELETE FROM search WHERE leaf_index = (SELECT max(leaf_index) FROM statements)",
        "UPDATE checkpoints SET note = replace(note, 'ailyus', 'ailyux')",
        "INSERT INTO approval_uses VALUES ('forged', 'act', 1)",
        "UPDATE statements SET envelope = CAST(replace(CAST(envelope AS TEXT), 'payload\":\"', 'payload\":\"A') AS BLOB)",
    ]
    for change in changes:
        copy = sqlite3.connect(":memory:")
        source = connect(path, readonly=True)
        source.backup(copy)
        source.close()
        copy.execute(change)
        assert list(audit(opened_reader(copy, path), roots)), change
        copy.close()


async def test_erasing_evidence_breaks_no_proof(world: World) -> None:
    outcome = await world.reset(MARIA)
    await world.app.store.write(lambda txn: txn.write("DELETE FROM evidence", rows=None))
    proven = Proven(world, outcome["receipt_id"])
    assert verify(proven.data, proven.roots).receipt["status"] == "confirmed"


async def test_signed_bodies_hold_no_personal_value(world: World) -> None:
    await world.reset()
    bodies = b"".join(
        base64.b64decode(orjson.loads(r[0])["payload"]) for r in world.rows("SELECT envelope FROM statements")
    )
    for personal in (b"maria", b"00u1maria0001", b"stolen", b'requester"', b'"lead'):
        assert personal not in bodies.lower(), personal
    assert not re.search(rb"(?<![0-9A-Za-z])4711(?![0-9A-Za-z])", bodies)  # digests may hold these digits
