"""The URL of a database: read anew where the server refuses its password, and otherwise left alone."""

import asyncio
import signal

import asyncpg
import pytest

from contracts.errors import AilyusError
from receipts.store.connection import CONNECT_SECONDS, DatabaseSession
from receipts.store.database_url import DatabaseUrl
from receipts.store.postgres_readers import Readers, snapshot
from receipts.store.row import Row
from tests.postgres import Postgres


async def _is_refused(url: str) -> bool:
    try:
        await (await asyncpg.connect(url)).close()
    except asyncpg.InvalidPasswordError:
        return True
    return False


def _asks_for_a_password(postgres: Postgres, role: str) -> None:
    rules = postgres.folder / "data" / "pg_hba.conf"
    rules.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
    assert postgres.process is not None
    postgres.process.send_signal(signal.SIGHUP)


async def _waited(url: str) -> None:
    for _ in range(1000):
        if await _is_refused(url):
            return
        await asyncio.sleep(0.02)
    pytest.fail("the server still takes every password")


async def _read(readers: Readers) -> list[Row]:
    try:
        return await readers.fetch("SELECT 1")
    finally:
        await readers.close()


def test_a_password_that_changed_is_read_anew_and_once(postgres: Postgres) -> None:
    place = postgres.database("renewed")
    admin = DatabaseSession(place)
    admin.open()
    admin.execute("CREATE ROLE renewed LOGIN PASSWORD 'one'")
    _asks_for_a_password(postgres, "renewed")

    def url(password: str) -> str:
        return place.replace("ailyus@", f"renewed:{password}@")

    asyncio.run(_waited(url("wrong")))
    kept, asked = ["one"], 0

    def source() -> str:
        nonlocal asked
        asked += 1
        if not kept:
            raise AilyusError("no_credential", "its source is away")
        return url(kept[-1])

    database = DatabaseUrl(url("one"), source)
    session = DatabaseSession(database)
    session.open()
    assert asked == 0
    for password in ("two", "three"):
        admin.execute(f"ALTER ROLE renewed PASSWORD '{password}'")
        kept.append(password)
        session.open()
    assert asked == 2
    with snapshot(database) as read:
        assert read("SELECT 1") == [(1,)]
    assert asyncio.run(_read(Readers(database))) == [(1,)]
    assert asked == 2  # all ways into the database share what was read
    admin.execute("ALTER ROLE renewed PASSWORD 'four'")
    for _ in range(2):  # the source gives the same, then nothing: what the server says is told
        with pytest.raises(asyncpg.InvalidPasswordError):
            session.open()
        kept.clear()
    assert asked == 4
    session.close()
    admin.close()


async def test_a_url_without_a_source_stays_as_it_is() -> None:
    plain = DatabaseUrl.of("postgresql://127.0.0.1:1/none")
    assert DatabaseUrl.of(plain) is plain
    with pytest.raises(OSError):
        await plain.connect(seconds=CONNECT_SECONDS, server_settings={})
