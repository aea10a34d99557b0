"""What PostgreSQL alone can do to a store: a commit that no standby has, a promoted standby, a session that is cut."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from contracts.errors import AilyusError, NotDurable
from receipts.store.connection import numbered
from receipts.store.postgres import PostgresStore
from receipts.store.transaction import Txn
from tests.postgres import Postgres, serving
from tests.receipts.making import SIGNER
from tests.receipts.statements import statement
from tests.slowness import scaled


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A server of this test alone."""
    with serving() as server:
        yield server


def opened(url: str, path: Path) -> PostgresStore:
    return PostgresStore(url, path / "store.db", SIGNER, "ailyus.test")


async def sql(url: str, *texts: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for text in texts:
            await connection.execute(text)
    finally:
        await connection.close()


async def one_that_waits(store: PostgresStore) -> "asyncio.Task[int]":
    """A write whose commit waits for a standby: the server takes a moment to know that there should be one."""
    for number in range(1, 50):
        task = asyncio.create_task(store.write(lambda txn, n=number: statement(txn, f"rcp_{n}")))
        if task not in (await asyncio.wait([task], timeout=0.5))[0]:
            return task
    raise AssertionError("no commit waits")


async def test_a_commit_that_no_standby_has_is_told_to_nobody(own: Postgres, tmp_path: Path) -> None:
    url = own.database("a")
    store = opened(url, tmp_path)
    await store.write(lambda txn: statement(txn, "rcp_0"))
    await sql(url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    waiting = await one_that_waits(store)
    cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    while not waiting.done():
        await asyncio.sleep(0.05)
        await sql(url, cancel)
    with pytest.raises(NotDurable, match="no standby has the commit"):
        await waiting
    await sql(url, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    # it is durable here all the same: the log goes on behind it
    assert await store.write(lambda txn: statement(txn, "rcp_last")) == store.size - 1
    assert await store.read("SELECT count(*), max(leaf_index) + 1 FROM statements") == [(store.size, store.size)]
    await store.aclose()


async def test_a_promoted_standby_is_not_written_to(own: Postgres, tmp_path: Path) -> None:
    url = own.database("a")
    store = opened(url, tmp_path)
    await store.write(lambda txn: statement(txn, "rcp_0"))
    standby = own.standby(own.folder.parent / "standby")
    try:
        await store.write(lambda txn: statement(txn, "rcp_1"))
        own.stop()
        standby.promote()
        url = url.replace(str(own.port), str(standby.port))
        await store.aclose()
        with pytest.raises(AilyusError, match="was promoted") as caught:
            await asyncio.to_thread(opened, url, tmp_path)
        assert caught.value.code == "store_rewound"
    finally:
        standby.stop()


async def test_a_session_that_is_cut_leaves_nothing_and_the_next_one_goes_on(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.database("cut")
    store = opened(url, tmp_path)
    inside, on = threading.Event(), threading.Event()

    def work(txn: Txn) -> int:
        place = statement(txn, "rcp_0")
        inside.set()
        on.wait(scaled(5))
        txn.query("SELECT 1")
        return place

    waiting = asyncio.create_task(store.write(work))
    await asyncio.to_thread(inside.wait, 5)
    await sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'")
    on.set()
    with pytest.raises(NotDurable):
        await waiting
    assert await store.write(lambda txn: statement(txn, "rcp_1")) == 0
    assert await store.read("SELECT id FROM statements") == [("rcp_1",)]
    await store.aclose()


async def test_a_standby_that_no_commit_waits_for(own: Postgres, tmp_path: Path) -> None:
    url = own.database("a")
    standby = await asyncio.to_thread(own.standby, tmp_path_of(own) / "standby")
    try:
        with pytest.raises(AilyusError, match="no commit waits for it") as caught:
            await asyncio.to_thread(opened, url, tmp_path)
        assert "synchronous_standby_names" in caught.value.hint
        await sql(url, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        await until_shown(url)
        store = await asyncio.to_thread(opened, url, tmp_path)
        assert await store.write(lambda txn: statement(txn, "rcp_0")) == 0
        await store.aclose()
    finally:
        standby.stop()


async def until_shown(url: str) -> None:
    connection = await asyncpg.connect(url)
    while await connection.fetchval("SHOW synchronous_standby_names") != "*":
        await asyncio.sleep(0.05)
    await connection.close()


def tmp_path_of(server: Postgres) -> Path:
    return server.folder.parent


async def test_a_log_that_was_longer_is_not_written_to(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database("longer")
    store = opened(url, tmp_path)
    await store.write(lambda txn: statement(txn, "rcp_0"))
    await store.aclose()
    await sql(url, "TRUNCATE statements, search, nodes, checkpoints", "UPDATE head SET size = 0")
    with pytest.raises(AilyusError) as caught:
        await asyncio.to_thread(opened, url, tmp_path)
    assert caught.value.code == "store_rewound"


async def test_reading_cannot_write(postgres: Postgres, tmp_path: Path) -> None:
    store = opened(postgres.database("reading"), tmp_path)
    with pytest.raises(AilyusError, match="25006"):
        await store.read("UPDATE head SET size = 5")
    with pytest.raises(AilyusError, match="25006"):
        await store.read_aside(lambda read: read("UPDATE head SET size = 5"))
    await store.aclose()


def test_placeholders() -> None:
    assert numbered("a = ? AND b = ?") == "a = $1 AND b = $2"
    assert numbered("a = ?2 OR a = ?1 OR b = ?2") == "a = $2 OR a = $1 OR b = $2"


@pytest.mark.parametrize("fault", [asyncpg.InternalClientError, asyncpg.ProtocolError])
async def test_a_driver_that_lost_its_place_gets_a_new_connection(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    """As a replica does that stood still: one write is told to be lost, and the next ones are taken."""
    store = opened(postgres.database("lost_place"), tmp_path)
    await store.write(lambda txn: statement(txn, "rcp_1"))
    before = store._session._connection
    with monkeypatch.context() as broken:

        async def fetch(*_: object, **__: object) -> None:
            raise fault("got result for unknown protocol state 3")

        broken.setattr(asyncpg.Connection, "fetch", fetch)
        with pytest.raises(NotDurable):
            await store.write(lambda txn: statement(txn, "rcp_2"))
    await store.write(lambda txn: statement(txn, "rcp_3"))
    between = store._session._connection
    assert between is not before

    def loses(txn: Txn) -> None:
        statement(txn, "rcp_4")
        raise fault("got result for unknown protocol state 3")

    with pytest.raises(NotDurable, match="did not take the commit"):
        await store.write(loses)
    assert store._session._connection is not between
    assert [row[0] for row in await store.read("SELECT id FROM statements ORDER BY leaf_index")] == ["rcp_1", "rcp_3"]
    await store.aclose()
