"""An archive is what was signed, or it is refused; one action of it is read without the rest."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from receipts.archive.archive_file import open_archive
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Signer
from tests.receipts.closed import DAY_MS, ago, close, journal_of, retention
from tests.receipts.making import SIGNER
from tests.receipts.stages import Clock

ORIGIN = "ailyus.test"
KEYS = LogKeys.of(SIGNER).public


@pytest.fixture
async def written(tmp_path: Path) -> Path:
    """An archive of two actions."""
    clock = Clock()
    journal = await journal_of(tmp_path / "store.db", clock)
    await close(journal, "a", "b", "c", "d", "e")
    clock.now_ms += 100 * DAY_MS
    await retention(journal).archive(tmp_path / "one.archive", ago(journal, 90))
    await journal.store.aclose()
    return tmp_path / "one.archive"


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(sql)
        connection.commit()


def faults(path: Path) -> list[str]:
    with open_archive(path, ORIGIN, KEYS) as file:
        return list(file.faults())


def test_it_holds_what_was_written(written: Path) -> None:
    with open_archive(written, ORIGIN, KEYS) as file:
        assert list(file.faults()) == []
        assert (file.manifest.actions, file.manifest.statements) == (2, 4)
        for (action,) in file.read("SELECT id FROM actions"):
            file.require_action(str(action))
        with pytest.raises(AilyusError, match="as it was archived"):
            file.require_action("act_other")
    assert written.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE actions SET status = 'denied'",
        "DELETE FROM intents",
        "UPDATE statements SET at_ms = at_ms + 1",
        "INSERT INTO evidence VALUES (2, 'x', x'00', x'00')",
        "DELETE FROM actions",
    ],
)
def test_a_changed_row_is_found(written: Path, sql: str) -> None:
    change(written, sql)
    assert faults(written)
    with open_archive(written, ORIGIN, KEYS) as file:
        (root, _), *_ = file.groups()
        with pytest.raises(AilyusError, match="as it was archived"):
            file.require_action(root)


def test_a_row_of_nobody_is_found(written: Path) -> None:
    change(
        written,
        "INSERT INTO statements SELECT 99, 'rcp_x', kind, 'act_x', tenant, agent, contract, status, changed, at_ms,"
        " envelope FROM statements LIMIT 1",
    )
    assert faults(written) == ["the archive `one.archive` holds other actions or statements than it was signed over"]


def test_another_list_of_groups_is_refused(written: Path) -> None:
    change(written, "UPDATE action_groups SET digest = 'x' WHERE rowid = 1")
    with pytest.raises(AilyusError, match="is not what it was signed over"):
        faults(written)


def test_it_counts_under_its_own_key_and_name_alone(written: Path) -> None:
    other = Signer(Ed25519PrivateKey.generate())
    for origin, keys in ((ORIGIN, LogKeys.of(other).public), ("another.log", KEYS)):
        with pytest.raises(AilyusError) as caught, open_archive(written, origin, keys):
            pass
        assert caught.value.code == "not_authentic"


def test_what_is_no_archive_or_was_broken_off_is_said_to_be_none(written: Path) -> None:
    change(written, "DELETE FROM manifest")
    with pytest.raises(AilyusError, match="has no signed end"):
        faults(written)
    written.write_bytes(b"no database" * 100)
    with pytest.raises(AilyusError, match="is no archive"):
        faults(written)
    with pytest.raises(AilyusError, match="there is no file"):
        faults(written.with_name("none"))


def test_a_later_version_is_left_to_that_version(written: Path) -> None:
    change(written, "PRAGMA user_version = 99")
    with pytest.raises(AilyusError, match="has the tables of version 99"):
        faults(written)
