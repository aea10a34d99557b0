"""A transaction on a database: what may wait does, and is sent before whoever needs it and as it was told."""

from collections.abc import Iterator

import pytest

from receipts.store.connection import DatabaseSession
from receipts.store.postgres_schema import create
from receipts.store.postgres_transaction import Otherwise, PostgresTxn
from receipts.store.transaction import Conflict
from tests.postgres import Postgres
from tests.receipts.statements import SIGNER

COUNT = "SELECT count(*) FROM meta"


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[DatabaseSession]:
    made = DatabaseSession(postgres.database("transactions"))
    made.open()
    create(made)
    yield made
    made.close()


@pytest.fixture
def session(database: DatabaseSession) -> Iterator[DatabaseSession]:
    """A transaction that is taken back at its end."""
    database.execute("BEGIN")
    yield database
    database.execute("ROLLBACK")


def txn(session: DatabaseSession, *, careful: bool = False) -> PostgresTxn:
    return PostgresTxn(session, SIGNER, 0, 5, clock_ok=True, careful=careful)


def test_what_waits_is_sent_before_a_statement_about_its_table(session: DatabaseSession) -> None:
    one = txn(session)
    one.write_many("INSERT INTO meta VALUES (?, ?)", [("a", "1"), ("b", "1")])
    assert session.query(COUNT) == [(0,)]
    assert one.query("SELECT count(*) FROM halts") == [(0,)]
    assert session.query(COUNT) == [(0,)], "another table's business"
    assert one.query(COUNT) == [(2,)]
    assert one.write("UPDATE meta SET value = ?2 WHERE value = ?1", "1", "2", rows=2) == 2
    with pytest.raises(Conflict):
        one.write("DELETE FROM meta WHERE key = ?", "c")


def test_a_deferred_change_of_no_row_is_found_when_it_is_sent(session: DatabaseSession) -> None:
    one = txn(session)
    one.write_many("INSERT INTO meta VALUES (?, ?)", [("a", "1")])
    one.flush()
    one.write_deferred("UPDATE meta SET value = ? WHERE key = ?", "2", "a")
    one.flush()
    assert session.query("SELECT value FROM meta") == [("2",)]
    one.write_deferred("UPDATE meta SET value = ? WHERE key = ?", "2", "b")
    with pytest.raises(Otherwise):
        one.flush()


def test_an_assumption_is_the_usual_until_it_is_sent(session: DatabaseSession) -> None:
    one = txn(session)
    assert one.assume((0,), f"{COUNT} WHERE key = ?", "a") == (0,)
    one.flush()
    assert one.assume((1,), f"{COUNT} WHERE key = ?", "a") == (1,)
    with pytest.raises(Otherwise):
        one.flush()


def test_an_entry_that_stands_for_itself_is_told_at_once(session: DatabaseSession) -> None:
    one = txn(session, careful=True)
    assert one.assume((1,), f"{COUNT} WHERE key = ?", "a") == (0,)
    with pytest.raises(Conflict):
        one.write_deferred("UPDATE meta SET value = ? WHERE key = ?", "2", "b")


def test_what_waits_of_an_entry_that_failed_is_dropped(session: DatabaseSession) -> None:
    one = txn(session)
    one.write_many("INSERT INTO meta VALUES (?, ?)", [("a", "1")])
    one.write_many("INSERT INTO meta VALUES (?, ?)", [])
    one.forget()
    one.flush()
    assert session.query(COUNT) == [(0,)]
