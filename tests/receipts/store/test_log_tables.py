"""The log as its tables hold it: only nodes that give the signed root are gone on from, and proofs hold."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.merkle import consistent, included, leaf_hash
from receipts.log.signing import Envelope
from receipts.store.log_tables import NEWEST, consistency_by, frontier_at, newest_note, nodes_by, proof_by
from receipts.store.row import Read, blob
from receipts.store.sqlite_file import snapshot
from tests.receipts.making import store_at
from tests.receipts.statements import statement

LEAVES = 11


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    store = store_at(tmp_path / "store.db")
    for number in range(LEAVES):
        await store.write(lambda txn, n=number: statement(txn, f"rcp_{n}"))  # type: ignore[misc]
    await store.aclose()
    return tmp_path / "store.db"


def note_at(read: Read, size: int) -> str:
    return str(read("SELECT note FROM checkpoints WHERE size = ?", size)[0][0])


def test_the_frontier_of_each_size_has_the_root_that_was_signed(path: Path) -> None:
    with snapshot(path) as read:
        assert newest_note(read) == note_at(read, LEAVES)
        for size in range(1, LEAVES + 1):
            frontier = frontier_at(size, note_at(read, size), nodes_by(read))
            assert frontier.root() == Checkpoint.of_note(note_at(read, size)).root
        with pytest.raises(AilyusError, match="do not give the root of its checkpoint"):
            frontier_at(LEAVES - 1, note_at(read, LEAVES), nodes_by(read))


def test_each_leaf_is_proven_under_the_newest_checkpoint(path: Path) -> None:
    with snapshot(path) as read:
        head = Checkpoint.of_note(newest_note(read))
        for leaf, data in read("SELECT leaf_index, envelope FROM statements"):
            assert isinstance(leaf, int)
            proof = proof_by(read, leaf)
            hashed = leaf_hash(Envelope.decode(blob(data)).leaf())
            assert included(hashed, leaf, head.size, proof.hashes, head.root)
            assert not included(hashed, (leaf + 1) % LEAVES, head.size, proof.hashes, head.root)
            assert proof.note == newest_note(read)


def test_each_older_log_is_the_beginning_of_the_newest(path: Path) -> None:
    with snapshot(path) as read:
        root = Checkpoint.of_note(newest_note(read)).root
        for size in range(1, LEAVES):
            old = Checkpoint.of_note(note_at(read, size)).root
            assert consistent(size, old, LEAVES, root, consistency_by(read, size, LEAVES))


def test_a_node_that_is_missing_or_no_bytes_is_told(path: Path) -> None:
    with snapshot(path) as read:
        with pytest.raises(AilyusError, match="a node of the log is missing"):
            nodes_by(read)(9, 0)
    with pytest.raises(AilyusError, match="a column that holds bytes holds something else"):
        nodes_by(lambda sql, *values: [("text",)])(0, 0)


def test_an_empty_log_has_no_checkpoint() -> None:
    asked: list[str] = []

    def read(sql: str, *values: object) -> list[tuple[str]]:
        asked.append(sql)
        return []

    assert (newest_note(read), asked) == ("", [NEWEST])
