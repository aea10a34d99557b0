"""The writer cuts a long write-ahead log, or says that a reader keeps it from that; it never waits for one."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from receipts.store import wal, wal_bound
from receipts.store.sqlite_file import BUSY_MS, connect, reader, snapshot
from receipts.store.wal_bound import WalBound


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose write-ahead log may have 50 kB."""
    monkeypatch.setattr(wal, "LIMIT", 50_000)
    with contextlib.closing(connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE t (a BLOB) STRICT")
    return tmp_path / "s.db"


def grow(connection: sqlite3.Connection) -> None:
    for _ in range(20):
        connection.execute("INSERT INTO t VALUES (zeroblob(4000))")


def test_a_short_one_is_left_alone_and_a_long_one_is_cut(path: Path) -> None:
    with contextlib.closing(connect(path)) as writer:
        writer.execute("INSERT INTO t VALUES (x'00')")
        short = wal.size_of(path)
        WalBound(path).hold(writer)
        assert wal.size_of(path) == short > 0
        grow(writer)
        assert wal.size_of(path) > wal.LIMIT
        WalBound(path).hold(writer)
        assert wal.size_of(path) == 0
        assert reader(writer)("PRAGMA busy_timeout") == [(BUSY_MS,)]


def test_whoever_reads_an_older_state_is_said_and_not_waited_for(path: Path) -> None:
    with contextlib.closing(connect(path)) as writer:
        with snapshot(path) as read:
            assert read("SELECT count(*) FROM t") == [(0,)]
            grow(writer)
            with capture_logs() as told:
                WalBound(path).hold(writer)
        assert [(line["event"], line["held_by"]) for line in told] == [("store_wal_grows", "this gateway")]
        assert wal.size_of(path) > wal.LIMIT
        assert reader(writer)("PRAGMA busy_timeout") == [(BUSY_MS,)]


def test_it_is_not_looked_at_after_every_commit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal_bound, "LOOK_SECONDS", 3_600.0)
    bound = WalBound(path)
    with contextlib.closing(connect(path)) as writer:
        bound.hold(writer)
        grow(writer)
        bound.hold(writer)
        assert wal.size_of(path) > wal.LIMIT


def test_a_connection_that_is_gone_is_the_next_commits_business(path: Path) -> None:
    with contextlib.closing(connect(path)) as writer:
        grow(writer)
        gone = connect(path)
        gone.close()
        WalBound(path).hold(gone)
        assert wal.size_of(path) > wal.LIMIT
