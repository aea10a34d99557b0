"""The file of a store: durable connections, snapshots that stand still, and one owner."""

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.store.sqlite_file import connect, own, reader, snapshot, unreadable


def filled(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    connection.execute("CREATE TABLE t (a INTEGER) STRICT")
    connection.execute("INSERT INTO t VALUES (1)")
    return connection


def test_a_writer_has_the_durability_that_promises_rest_on(tmp_path: Path) -> None:
    with contextlib.closing(connect(tmp_path / "s.db")) as connection:
        asked = ("journal_mode", "synchronous", "fullfsync", "foreign_keys", "busy_timeout")
        found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
        assert found == ["wal", 2, 1, 1, 5_000]
        assert connection.isolation_level is None


def test_a_reader_writes_nothing_and_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open database file"):
        connect(tmp_path / "none.db", readonly=True)
    assert list(tmp_path.iterdir()) == []
    filled(tmp_path / "s.db").close()
    with contextlib.closing(connect(tmp_path / "s.db", readonly=True)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly database"):
            connection.execute("INSERT INTO t VALUES (2)")
        assert reader(connection)("SELECT a FROM t WHERE a = ?", 1) == [(1,)]


def test_a_snapshot_stands_still_whatever_is_committed_meanwhile(tmp_path: Path) -> None:
    with contextlib.closing(filled(tmp_path / "s.db")) as writer, snapshot(tmp_path / "s.db") as read:
        assert read("SELECT a FROM t") == [(1,)]
        writer.execute("INSERT INTO t VALUES (2)")
        assert read("SELECT a FROM t") == [(1,)]
    with snapshot(tmp_path / "s.db") as read:
        assert read("SELECT a FROM t") == [(1,), (2,)]


def test_what_cannot_be_read_is_said_without_its_place(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_text("a letter " * 200)
    with pytest.raises(AilyusError) as caught, snapshot(tmp_path / "s.db") as read:
        read("SELECT 1 FROM t")
    assert (caught.value.code, caught.value.sentence) == (
        "store_corrupt",
        "the store cannot be read: file is not a database",
    )
    assert unreadable(sqlite3.DatabaseError("No Such Table")).sentence == "the store cannot be read: no such table"


def test_a_store_has_one_owner_until_that_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    held = own(path)
    assert (tmp_path / "s.db.lock").read_text() == str(os.getpid())
    for _ in range(2):  # whoever is refused leaves the lock and its text as they are
        with pytest.raises(AilyusError, match="another process owns this store") as caught:
            own(path)
    assert caught.value.code == "owner_elsewhere"
    assert (tmp_path / "s.db.lock").read_text() == str(os.getpid())
    os.close(held)
    os.close(own(path))


def test_what_is_deleted_is_overwritten_in_the_file(tmp_path: Path) -> None:
    path, word = tmp_path / "s.db", b"maria@example.com"
    with contextlib.closing(connect(path)) as connection:
        connection.execute("CREATE TABLE evidence (data BLOB)")
        connection.executemany("INSERT INTO evidence VALUES (?)", [(word * 50,)] * 200)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert word in path.read_bytes()
        connection.execute("DELETE FROM evidence")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert word not in path.read_bytes()
        # most builds overwrite by default, so that the bytes alone would not notice a default that is otherwise
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)
