"""A backup beside a running store: one snapshot in one file, without secrets, which replaces nothing."""

import asyncio
import contextlib
import sqlite3
import stat
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.log.log_keys import LogKeys
from receipts.store.backup import back_up_file, new_file
from receipts.store.backup_check import check_backup
from receipts.store.postgres_backup import back_up_database
from receipts.store.row import Row
from receipts.tables import grants
from receipts.tables.grants import NewGrant, SealedTokens
from tests.receipts import making
from tests.receipts.making import SIGNER

pytestmark = pytest.mark.both_stores
ORIGIN = "ailyus.test"


async def take(journal: Journal, database: str, out: Path) -> None:
    """A backup of the journal's store, in a thread as commands take it in a process."""
    run, of = (back_up_database, database) if database else (back_up_file, journal.store.path)
    await asyncio.to_thread(run, of, out, 1)  # type: ignore[operator]


async def act(journal: Journal, name: str) -> str:
    asked = making.action(name)
    await making.conclude(journal, asked, (await making.intend(journal, asked)).fence)
    return asked.id


def rows_in(path: Path, sql: str) -> list[Row]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [tuple(row) for row in connection.execute(sql)]


async def test_it_holds_all_that_was_committed_and_nothing_that_comes_after(
    journal: Journal, database: str, tmp_path: Path
) -> None:
    done = [await act(journal, name) for name in "abc"]
    open_ = making.action("d")
    await making.intend(journal, open_)
    out = tmp_path / "b.db"
    size, note = journal.store.size, await journal.store.newest()
    await take(journal, database, out)
    await act(journal, "e")
    summary = check_backup(out, ORIGIN, LogKeys.of(SIGNER))
    assert (summary.size, summary.note, summary.keyid, summary.open) == (size, note, SIGNER.keyid, 1)
    assert rows_in(out, "SELECT id FROM actions ORDER BY rowid") == [(one,) for one in (*done, open_.id)]
    for table in ("statements", "nodes", "checkpoints", "evidence", "intents", "tenant_keys"):
        ((many,),) = await journal.store.read(f"SELECT count(*) FROM {table}")
        ((kept,),) = rows_in(out, f"SELECT count(*) FROM {table}")
        assert isinstance(many, int)
        assert 0 < kept <= many or (kept, many) == (0, 0), table
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".b.db")] == []


async def test_no_secret_is_in_it_not_even_sealed(journal: Journal, database: str, tmp_path: Path) -> None:
    ids, new = journal.handles.seal(
        making.request(), None, "act_maker", {"secret": ("hunter2", ("first.value",))}, journal.store.now_ms()
    )
    await journal.store.write(new.insert)
    ((sealed,),) = await journal.store.read("SELECT sealed FROM handles")
    assert isinstance(sealed, bytes)
    await take(journal, database, tmp_path / "b.db")
    assert rows_in(tmp_path / "b.db", "SELECT id, sealed FROM handles") == [(ids["secret"], None)]
    assert sealed not in (tmp_path / "b.db").read_bytes()
    assert await journal.store.read("SELECT sealed FROM handles") == [(sealed,)]  # the store keeps it


async def test_no_token_is_in_it_and_whoever_restores_it_asks_a_person(
    journal: Journal, database: str, tmp_path: Path
) -> None:
    tokens = SealedTokens(b"sealed-access-token", b"sealed-refresh-token", 2**50, 7)
    new = NewGrant("oauth2:crm/both/0", "crm", "both", "acme", "", "bot@acme", ("a",), "olga", tokens)
    await journal.store.write(lambda txn: grants.put(txn, new))
    await take(journal, database, tmp_path / "b.db")
    found = rows_in(tmp_path / "b.db", "SELECT account, state, access, refresh, next_ms FROM grants")
    assert found == [("bot@acme", "needs_person", b"", b"", None)]
    assert b"sealed-refresh-token" not in (tmp_path / "b.db").read_bytes()
    (kept,) = await grants.all_of(journal.store)
    assert (kept.state, kept.tokens) == ("ready", tokens)  # the store keeps it


async def test_it_replaces_no_file(journal: Journal, database: str, tmp_path: Path) -> None:
    out = tmp_path / "b.db"
    out.write_text("another one")
    with pytest.raises(AilyusError, match="exists already"):
        await take(journal, database, out)
    assert out.read_text() == "another one"
    with pytest.raises(AilyusError, match="cannot be written"):
        await take(journal, database, tmp_path / "no such folder" / "b.db")


def test_a_file_that_came_meanwhile_stays(tmp_path: Path) -> None:
    out = tmp_path / "b.db"
    with pytest.raises(AilyusError, match="exists already"), new_file(out) as partial:
        partial.write_text("ours")
        out.write_text("theirs")
    assert out.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [out]


def test_what_fails_on_the_way_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="halfway"), new_file(tmp_path / "b.db") as partial:
        partial.write_text("half")
        raise ValueError("halfway")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "s.db").write_text("a letter " * 200)
    with pytest.raises(AilyusError, match="the store cannot be read"):
        back_up_file(tmp_path / "s.db", tmp_path / "b.db", 1)
    assert not (tmp_path / "b.db").exists()
