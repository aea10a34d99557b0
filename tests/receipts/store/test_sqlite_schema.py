"""A file of every earlier version is brought to the newest one, and one of a later version is left alone."""

import contextlib
import sqlite3
import stat
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.store import sqlite_schema
from receipts.store.sqlite import SqliteStore
from tests.receipts.making import SIGNER
from tests.world import ROOT

VECTORS = ROOT / "tests" / "vectors"
LATEST = 17


@pytest.mark.parametrize("version", range(1, LATEST))
def test_a_file_of_each_earlier_version(tmp_path: Path, version: int) -> None:
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.executescript((VECTORS / "store_v1.sql").read_text())
    for step in range(2, version + 1):
        connection.executescript((ROOT / "receipts" / "store" / "migrations" / f"{step}.sql").read_text())
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    assert sqlite_schema.migrate(path) == (version, LATEST)
    assert sqlite_schema.migrate(path) == (LATEST, LATEST)
    SqliteStore(tmp_path / "fresh.db", SIGNER, "ailyus.test").close()
    assert tables(path) == tables(tmp_path / "fresh.db")


def test_times_that_meant_never_become_columns(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript((VECTORS / "store_v1.sql").read_text())
        for step in range(2, 10):
            connection.executescript((ROOT / "receipts" / "store" / "migrations" / f"{step}.sql").read_text())
        connection.execute("PRAGMA user_version = 9")
        for name, next_ms in (("given up", 2**52), ("open", 7)):
            connection.execute(
                "INSERT INTO notices VALUES (?, 'act', 'waiting', ?, 0, 5, ?, NULL)", (name, name, next_ms)
            )
            connection.execute(
                "INSERT INTO escalations VALUES (?, 'act', ?, 0, 5, ?, NULL, NULL, NULL)", (name, name, next_ms)
            )
        connection.commit()
    sqlite_schema.migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table, column in (("notices", "failed_ms"), ("escalations", "handed_on_ms")):
            rows = connection.execute(f"SELECT id, next_ms, {column} FROM {table} ORDER BY id").fetchall()
            assert rows == [("given up", 5, 5), ("open", 7, None)]


def tables(path: Path) -> dict[str, set[object]]:
    connection = sqlite3.connect(path)
    try:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {n: {row[1:4] for row in connection.execute(f"PRAGMA table_info({n})")} for n in names}
        found["indexes"] = set(connection.execute("SELECT sql FROM sqlite_master WHERE type = 'index'"))
        ((halts,),) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'halts'")
        assert "'route'" in halts
        return found
    finally:
        connection.close()


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "store.db", SIGNER, "ailyus.test").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute(f"PRAGMA user_version = {LATEST + 1}")
    with pytest.raises(AilyusError, match=f"version {LATEST + 1}"):
        SqliteStore(tmp_path / "store.db", SIGNER, "ailyus.test")


def test_a_new_file_is_its_owners_alone_and_never_without_a_version(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with contextlib.closing(sqlite_schema.prepared(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (LATEST,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with contextlib.closing(sqlite_schema.prepared(path)) as connection:
        assert connection.execute("SELECT count(*) FROM actions").fetchone() == (0,)


def test_what_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("a letter " * 200)
    for opening in (sqlite_schema.prepared, sqlite_schema.migrate):
        with pytest.raises(AilyusError, match="the store does not open: file is not a database"):
            opening(tmp_path / "store.db")


def test_nobody_migrates_or_copies_what_a_gateway_has_open(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path, SIGNER, "ailyus.test")
    with pytest.raises(AilyusError, match="another process owns this store"):
        sqlite_schema.migrate(path)
    with pytest.raises(AilyusError, match="another process owns this store"), sqlite_schema.owned(path):
        pytest.fail("it was read")
    store.close()
    with sqlite_schema.owned(path) as connection:
        assert connection.execute("SELECT count(*) FROM statements").fetchone() == (0,)
        with pytest.raises(AilyusError, match="another process owns this store"):
            SqliteStore(path, SIGNER, "ailyus.test")
    assert sqlite_schema.migrate(path) == (LATEST, LATEST)
