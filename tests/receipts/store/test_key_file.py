"""The keys of a backup: in a file of their own, needed to restore it, and a newer file lacks what was erased."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.journal.erasure import blank_keyless, erase
from receipts.journal.journal import Journal
from receipts.store.backup import back_up_file
from receipts.store.key_file import key_file_of
from receipts.store.postgres_backup import back_up_database
from receipts.store.restore import restore_file
from tests.receipts.making import action as new_action
from tests.receipts.making import conclude, intend
from tests.sealed import opened_reader

pytestmark = pytest.mark.both_stores


async def take(journal: Journal, database: str, out: Path) -> None:
    run, of = (back_up_database, database) if database else (back_up_file, journal.store.path)
    await asyncio.to_thread(run, of, out, 1)  # type: ignore[operator]


async def test_a_restore_needs_the_keys_and_newer_ones_open_all_but_what_was_erased(
    journal: Journal, database: str, tmp_path: Path
) -> None:
    ids = []
    for name in ("gone", "kept"):
        of = new_action(name)
        await conclude(journal, of, (await intend(journal, of)).fence)
        ids.append(of.id)
    out = tmp_path / "b.db"
    await take(journal, database, out)
    keys = key_file_of(out)
    assert keys.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(out)) as connection:
        assert connection.execute("SELECT count(*) FROM data_keys").fetchone() == (0,)
    with contextlib.closing(sqlite3.connect(keys)) as connection:
        wrapped = [row[0] for row in connection.execute("SELECT wrapped FROM data_keys")]
    assert len(wrapped) == 2
    assert not any(one in out.read_bytes() for one in wrapped)
    await erase(journal, "acme", (ids[0],), "lead", "asked to be forgotten")
    await take(journal, database, tmp_path / "newer.db")
    keys.unlink()
    with pytest.raises(AilyusError, match="the keys of the backup are not there"):
        restore_file(out, tmp_path / "r" / "store.db", 1, blank_keyless)
    key_file_of(tmp_path / "newer.db").rename(keys)
    restore_file(out, tmp_path / "r" / "store.db", 1, blank_keyless)
    secrets = journal.store.path.with_suffix(".secrets")
    (tmp_path / "r" / "store.secrets").write_bytes(secrets.read_bytes())
    with contextlib.closing(sqlite3.connect(tmp_path / "r" / "store.db")) as connection:
        read = opened_reader(connection, tmp_path / "r" / "store.db")
        found = dict(read("SELECT id, request FROM actions"))
        assert b'"params":{}' in found[ids[0]]
        assert b'"params":{"id":"kept"}' in found[ids[1]]
