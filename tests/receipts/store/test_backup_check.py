"""A backup is believed only if its leaves and its nodes give the root that a trusted key signed."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.log.log_keys import LogKeys
from receipts.store.backup import back_up_file
from receipts.store.backup_check import check_backup
from tests.receipts import making
from tests.receipts.making import SIGNER

ORIGIN = "ailyus.test"


@pytest.fixture
async def backup(tmp_path: Path) -> Path:
    journal = await making.journal_at(tmp_path / "store.db")
    for name in "abc":
        asked = making.action(name)
        await making.conclude(journal, asked, (await making.intend(journal, asked)).fence)
    back_up_file(journal.store.path, tmp_path / "b.db", 1)
    await journal.store.aclose()
    return tmp_path / "b.db"


def test_a_good_one_says_what_its_log_is(backup: Path) -> None:
    summary = check_backup(backup, ORIGIN, LogKeys.of(SIGNER))
    assert summary.note.split("\n")[1] == str(summary.size)
    assert (summary.keyid, summary.open) == (SIGNER.keyid, 0)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM statements WHERE leaf_index = 3",
        "DELETE FROM statements WHERE leaf_index = (SELECT max(leaf_index) FROM statements)",
        "UPDATE statements SET envelope = (SELECT envelope FROM statements WHERE leaf_index = 2) WHERE leaf_index = 3",
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = (SELECT max(level) FROM nodes)",
        "DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)",
    ],
)
def test_a_changed_one_is_refused(backup: Path, change: str) -> None:
    with contextlib.closing(sqlite3.connect(backup)) as connection, connection:
        assert connection.execute(change).rowcount == 1
    with pytest.raises(AilyusError, match="do not give the root of their checkpoint"):
        check_backup(backup, ORIGIN, LogKeys.of(SIGNER))


def test_what_no_trusted_key_signed_is_refused(backup: Path) -> None:
    with pytest.raises(AilyusError, match="not signed by a trusted key"):
        check_backup(backup, ORIGIN, LogKeys(()))
    with pytest.raises(AilyusError, match="not signed by a trusted key"):
        check_backup(backup, "another.log", LogKeys.of(SIGNER))


def test_one_of_a_later_version_is_left_to_that(backup: Path) -> None:
    with contextlib.closing(sqlite3.connect(backup)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(AilyusError) as caught:
        check_backup(backup, ORIGIN, LogKeys.of(SIGNER))
    assert caught.value.code == "store_newer"


def test_what_is_no_backup_is_refused(tmp_path: Path, backup: Path) -> None:
    with pytest.raises(AilyusError, match="there is no file"):
        check_backup(tmp_path / "none.db", ORIGIN, LogKeys.of(SIGNER))
    (tmp_path / "letter.db").write_text("a letter " * 200)
    with pytest.raises(AilyusError, match="the store cannot be read"):
        check_backup(tmp_path / "letter.db", ORIGIN, LogKeys.of(SIGNER))
    with contextlib.closing(sqlite3.connect(backup)) as connection, connection:
        connection.execute("DELETE FROM checkpoints")
    with pytest.raises(AilyusError, match="holds no log"):
        check_backup(backup, ORIGIN, LogKeys.of(SIGNER))
    data = bytearray(backup.read_bytes())
    data[4096::4096] = b"\xff" * len(data[4096::4096])  # the kind of each page but the first
    backup.write_bytes(data)
    with pytest.raises(AilyusError, match=r"is damaged|cannot be read"):
        check_backup(backup, ORIGIN, LogKeys.of(SIGNER))
