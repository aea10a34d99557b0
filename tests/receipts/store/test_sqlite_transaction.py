"""A transaction on a file runs each statement at once, so that the next one sees it."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from receipts.store.sqlite_schema import prepared
from receipts.store.sqlite_transaction import SqliteTxn
from tests.receipts.statements import SIGNER


@pytest.fixture
def txn(tmp_path: Path) -> Iterator[SqliteTxn]:
    with contextlib.closing(prepared(tmp_path / "s.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield SqliteTxn(connection, SIGNER, 0, 5, clock_ok=True)


def test_each_statement_is_seen_by_the_next(txn: SqliteTxn) -> None:
    txn.write_many("INSERT INTO meta VALUES (?, ?)", [("a", "1"), ("b", "1")])
    assert txn.write("UPDATE meta SET value = ?2 WHERE value = ?1", "1", "2", rows=2) == 2
    assert txn.query("SELECT key FROM meta WHERE value = ? ORDER BY key", "2") == [("a",), ("b",)]


def test_no_rows_are_no_statement(txn: SqliteTxn) -> None:
    txn.write_many("INSERT INTO no_such_table VALUES (?)", [])
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        txn.write_many("INSERT INTO no_such_table VALUES (?)", [(1,)])


def test_a_row_that_is_there_already_is_the_engines_word(txn: SqliteTxn) -> None:
    txn.write("INSERT INTO meta VALUES ('a', '1')")
    with pytest.raises(sqlite3.IntegrityError):
        txn.write("INSERT INTO meta VALUES ('a', '2')")
    assert txn.query("SELECT value FROM meta") == [("1",)]
