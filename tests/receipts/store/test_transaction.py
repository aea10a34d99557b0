"""A transaction of the store: guarded statements, assumptions, leaves in their order, and claims of a clock."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.log.merkle import leaf_hash
from receipts.store.sqlite_schema import prepared
from receipts.store.sqlite_transaction import SqliteTxn
from receipts.store.transaction import Conflict, StatementIndex
from tests.receipts.statements import SIGNER, statement


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(prepared(tmp_path / "s.db")) as made:
        made.execute("BEGIN IMMEDIATE")
        yield made


def test_another_number_of_rows_than_expected_is_a_conflict(connection: sqlite3.Connection) -> None:
    txn = SqliteTxn(connection, SIGNER, 0, 5, clock_ok=True)
    txn.write("INSERT INTO meta VALUES (?, ?)", "a", "1")
    for write in (txn.write, txn.write_deferred):
        write("UPDATE meta SET value = ? WHERE key = ?", "2", "a")
        with pytest.raises(Conflict):
            write("UPDATE meta SET value = ? WHERE key = ?", "2", "b")
    assert txn.write("UPDATE meta SET value = '3'", rows=None) == 1
    assert txn.write("DELETE FROM meta WHERE key = 'b'", rows=0) == 0
    assert txn.query("SELECT * FROM meta") == [("a", "3")]


def test_what_is_assumed_is_asked_at_once_on_a_file(connection: sqlite3.Connection) -> None:
    txn = SqliteTxn(connection, SIGNER, 0, 5, clock_ok=True)
    assert txn.assume((0,), "SELECT count(*) FROM meta") == (0,)
    txn.write("INSERT INTO meta VALUES ('a', '1')")
    assert txn.assume((0,), "SELECT count(*) FROM meta WHERE key = ?", "a") == (1,)


def test_statements_take_the_places_after_those_that_are_there(connection: sqlite3.Connection) -> None:
    txn = SqliteTxn(connection, SIGNER, 40, 5, clock_ok=True)
    assert [statement(txn, f"rcp_{n}") for n in range(3)] == [40, 41, 42]
    rows = txn.query("SELECT leaf_index, id, at_ms, changed FROM statements")
    assert rows == [(40 + n, f"rcp_{n}", 5, 0) for n in range(3)]
    assert txn.query("SELECT * FROM search ORDER BY leaf_index") == [("v", 40), ("v", 41), ("v", 42)]
    assert txn.leaves == [leaf_hash(SIGNER.envelope(f'{{"n":"rcp_{n}"}}'.encode()).leaf()) for n in range(3)]


@pytest.mark.parametrize(("changed", "stored"), [(None, None), (True, 1), (False, 0)])
def test_whether_it_changed_anything_is_yes_no_or_not_known(
    connection: sqlite3.Connection, changed: bool | None, stored: int | None
) -> None:
    txn = SqliteTxn(connection, SIGNER, 0, 5, clock_ok=True)
    txn.append(StatementIndex("rcp", "outcome", None, "t", "a", "c", "s", changed, 5), SIGNER.envelope(b"{}"))
    assert txn.query("SELECT changed FROM statements") == [(stored,)]


def test_a_claim_needs_a_clock_that_is_not_behind(connection: sqlite3.Connection) -> None:
    SqliteTxn(connection, SIGNER, 0, 5, clock_ok=True).require_clock()
    with pytest.raises(AilyusError, match="the clock is more than 2 s behind the store") as caught:
        SqliteTxn(connection, SIGNER, 0, 5, clock_ok=False).require_clock()
    assert caught.value.code == "clock_behind"
