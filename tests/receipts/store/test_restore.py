"""A restore fills what is empty, and what it fills starts for nobody before a person accepts what was lost."""

import asyncio
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.journal.erasure import blank_keyless
from receipts.store.backup import back_up_file
from receipts.store.restore import restore_database, restore_file
from tests.postgres import Postgres
from tests.receipts import making
from tests.receipts.making import store_at


@pytest.fixture
async def backup(tmp_path: Path) -> Path:
    journal = await making.journal_at(tmp_path / "from" / "store.db")
    await making.intend(journal, making.action("a"))
    back_up_file(journal.store.path, tmp_path / "b.db", 1)
    await journal.store.aclose()
    return tmp_path / "b.db"


async def test_a_restored_file_does_not_start(tmp_path: Path, backup: Path) -> None:
    before = backup.read_bytes()
    restore_file(backup, tmp_path / "to" / "store.db", 2, blank_keyless)
    with pytest.raises(AilyusError) as caught:
        store_at(tmp_path / "to" / "store.db")
    assert caught.value.code == "store_restored"
    assert backup.read_bytes() == before
    with pytest.raises(AilyusError, match=r"there is a store already: `store.db`"):
        restore_file(backup, tmp_path / "to" / "store.db", 2, blank_keyless)


async def test_a_file_put_in_place_by_hand_does_not_start_either(tmp_path: Path, backup: Path) -> None:
    (tmp_path / "to").mkdir()
    backup.rename(tmp_path / "to" / "store.db")
    with pytest.raises(AilyusError) as caught:
        store_at(tmp_path / "to" / "store.db")
    assert caught.value.code == "store_restored"


async def test_a_log_of_writes_that_was_left_behind_is_not_played_into_it(tmp_path: Path, backup: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "store.db-wal").write_bytes(b"of the store that was lost")
    with pytest.raises(AilyusError, match=r"there is a store already: `store.db-wal`"):
        restore_file(backup, tmp_path / "to" / "store.db", 2, blank_keyless)


async def test_while_another_process_owns_it_nothing_is_restored(tmp_path: Path, backup: Path) -> None:
    store = store_at(tmp_path / "to" / "store.db")
    with pytest.raises(AilyusError, match="another process owns this store"):
        restore_file(backup, tmp_path / "to" / "store.db", 2, blank_keyless)
    await store.aclose()


async def test_a_restored_database_does_not_start(tmp_path: Path, backup: Path, postgres: Postgres) -> None:
    url = postgres.database("restored")
    await asyncio.to_thread(restore_database, backup, url, tmp_path, 2, blank_keyless)
    with pytest.raises(AilyusError) as caught:
        store_at(tmp_path / "replica.db", url)
    assert caught.value.code == "store_restored"
    with pytest.raises(AilyusError, match="the database holds another store"):
        await asyncio.to_thread(restore_database, backup, url, tmp_path, 2, blank_keyless)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".restore")] == []
