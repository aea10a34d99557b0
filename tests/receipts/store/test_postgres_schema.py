"""The tables of a database: those of every earlier version become those of a new one, while no replica uses them."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from contracts.errors import AilyusError
from receipts.store.connection import DatabaseSession
from receipts.store.postgres import PostgresStore
from receipts.store.postgres_schema import VERSION, create, migrate, prepare, version_of
from tests.postgres import Postgres
from tests.receipts.making import SIGNER
from tests.world import ROOT

VECTORS = ROOT / "tests" / "vectors"


async def columns(url: str) -> set[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        sql = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        indexes = "SELECT indexdef FROM pg_indexes"
        found = [f"{sql} WHERE table_schema = 'public'", f"{indexes} WHERE schemaname = 'public'"]
        return {tuple(row) for query in found for row in await connection.fetch(query)}
    finally:
        await connection.close()


async def told_to(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(text)
    await connection.close()


async def test_a_database_of_each_earlier_version(postgres: Postgres, tmp_path: Path) -> None:
    old, fresh = postgres.database("version_1"), postgres.database("version_now")
    await told_to(old, (VECTORS / "store_postgres_v1.sql").read_text())

    def opened(url: str) -> PostgresStore:
        return PostgresStore(url, tmp_path / "store.db", SIGNER, "ailyus.test")

    with pytest.raises(AilyusError, match="ailyus store migrate"):
        await asyncio.to_thread(opened, old)
    assert await asyncio.to_thread(migrate, old) == (1, 14)
    store = await asyncio.to_thread(opened, old)
    assert await asyncio.to_thread(migrate, old) == (14, 14)  # nothing to do, so gateways may go on
    await told_to(old, "UPDATE head SET version = 7")
    with pytest.raises(AilyusError, match="a gateway uses the database"):
        await asyncio.to_thread(migrate, old)
    await told_to(old, "UPDATE head SET version = 14")
    await store.aclose()
    assert await asyncio.to_thread(migrate, fresh) == (14, 14)
    assert await columns(old) == await columns(fresh)


def test_of_several_that_begin_at_once_one_makes_the_tables(postgres: Postgres) -> None:
    session = DatabaseSession(postgres.database("tables"))
    session.open()
    try:
        assert version_of(session) is None
        create(session)
        create(session)
        assert version_of(session) == VERSION
        prepare(session)
    finally:
        session.close()


@pytest.mark.parametrize(("version", "hint"), [(VERSION + 1, "use a newer ailyus"), (1, "`ailyus store migrate`")])
def test_tables_of_another_version_are_left_alone(postgres: Postgres, version: int, hint: str) -> None:
    url = postgres.database(f"other_version_{version}")
    session = DatabaseSession(url)
    session.open()
    try:
        create(session)
        session.execute("UPDATE head SET version = ?", (version,))
        with pytest.raises(AilyusError, match=f"the store has version {version}, not {VERSION}") as caught:
            prepare(session)
        assert hint in str(caught.value)
    finally:
        session.close()
    if version > VERSION:
        with pytest.raises(AilyusError, match="use a newer ailyus"):
            migrate(url)
