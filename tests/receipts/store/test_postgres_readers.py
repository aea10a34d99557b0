"""Readers of a database write nothing; a snapshot stands still; each loop reads by connections of its own."""

import asyncio

import asyncpg
import pytest

from contracts.errors import AilyusError
from receipts.store.connection import DatabaseSession
from receipts.store.postgres_readers import Readers, snapshot
from tests.postgres import Postgres


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    made = postgres.database("readers")
    session = DatabaseSession(made)
    session.open()
    session.execute("CREATE TABLE t (a BIGINT)")
    session.execute("INSERT INTO t VALUES (1)")
    session.close()
    return made


def test_a_point_read_writes_nothing_and_each_loop_reads(url: str) -> None:
    readers = Readers(url)

    async def read() -> None:
        assert await readers.fetch("SELECT a FROM t WHERE a = ?", 1) == [(1,)]
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await readers.fetch("INSERT INTO t VALUES (2)")
        together = await asyncio.gather(*(readers.fetch("SELECT ?::bigint", n) for n in range(20)))
        assert together == [[(n,)] for n in range(20)]
        await readers.close()

    asyncio.run(read())
    asyncio.run(read())


def test_readers_that_never_read_have_nothing_to_close(url: str) -> None:
    asyncio.run(Readers(url).close())


def test_a_snapshot_stands_still_and_writes_nothing(url: str) -> None:
    writer = DatabaseSession(url)
    writer.open()
    try:
        with snapshot(url) as read:
            before = read("SELECT count(*) FROM t")
            writer.execute("INSERT INTO t VALUES (3)")
            assert read("SELECT count(*) FROM t") == before
        with snapshot(url) as read:
            assert read("SELECT count(*) FROM t") != before
        with pytest.raises(AilyusError, match="the store cannot be read: 25006"), snapshot(url) as read:
            read("DELETE FROM t")
    finally:
        writer.close()


def test_a_database_that_is_not_there_is_said_in_a_word() -> None:
    with (
        pytest.raises(AilyusError, match="the database does not open: ") as caught,
        snapshot("postgres://127.0.0.1:1/n"),
    ):
        pytest.fail("there is nothing to read")
    assert caught.value.code == "store_unavailable"  # and nobody is told to restore a backup
    assert "127.0.0.1" not in str(caught.value)
