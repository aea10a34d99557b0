"""What only a database can refuse: there is none, it holds no store, or one of another version."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from contracts.errors import AilyusError
from receipts.store.postgres_backup import back_up_database
from tests.postgres import Postgres
from tests.receipts.making import journal_at


async def refused(url: str, out: Path) -> str:
    with pytest.raises(AilyusError) as caught:
        await asyncio.to_thread(back_up_database, url, out, 1)
    assert not out.exists()
    return caught.value.sentence


async def test_what_is_no_store_of_this_version_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    out = tmp_path / "b.db"
    url = postgres.database("no_store_to_back_up")
    assert await refused(url, out) == "the database holds no store"
    await (await journal_at(tmp_path / "store.db", database=url)).store.aclose()
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE head SET version = version + 1")
    await connection.close()
    assert "the database holds a store of version" in await refused(url, out)
    assert "the store cannot be read" in await refused("postgresql://ailyus@127.0.0.1:1/none", out)
