"""Only what is as it was signed leaves the store: a row that says otherwise, or another statement, stays."""

from pathlib import Path

import pytest

from receipts.archive.action_group import read_groups
from receipts.journal.journal import Journal
from receipts.log.log_keys import LogKeys
from receipts.retention.soundness import is_sound
from receipts.store.row import Read
from tests.receipts.closed import close, journal_of
from tests.receipts.making import SIGNER
from tests.receipts.stages import Clock, send


async def sound(journal: Journal, id_: str) -> bool:
    tenants = journal.registry.tenant_keys

    def look(read: Read) -> bool:
        (group,) = read_groups(read, [id_])
        return is_sound(read, group, LogKeys.of(SIGNER), tenants)

    return await journal.store.read_aside(look)


@pytest.fixture
async def journal(tmp_path: Path) -> Journal:
    return await journal_of(tmp_path / "store.db", Clock())


async def test_a_closed_action_is_what_its_statements_say(journal: Journal) -> None:
    (done,) = await close(journal, "a")
    assert await sound(journal, done.id)
    await journal.store.aclose()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE actions SET status = 'denied' WHERE id = ?",
        "UPDATE statements SET kind = 'halt' WHERE kind = 'outcome' AND action_id = ?",
        "UPDATE statements SET status = 'denied' WHERE kind = 'outcome' AND action_id = ?",
        "UPDATE statements SET envelope = CAST('{}' AS BLOB) WHERE kind = 'outcome' AND action_id = ?",
        "DELETE FROM statements WHERE kind = 'outcome' AND action_id = ?",
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = 0 AND idx ="
        " (SELECT max(leaf_index) FROM statements WHERE action_id = ?)",
        "UPDATE evidence SET data = zeroblob(3) WHERE leaf_index ="
        " (SELECT min(leaf_index) FROM statements WHERE action_id = ?)",
    ],
)
async def test_what_was_changed_stays(journal: Journal, sql: str) -> None:
    (done,) = await close(journal, "a")
    await journal.store.write(lambda txn: txn.write(sql, done.id, rows=None))
    kept = await journal.store.read(
        "SELECT 1 FROM evidence WHERE leaf_index IN (SELECT leaf_index FROM statements WHERE action_id = ?)", done.id
    )
    assert await sound(journal, done.id) is (sql.startswith("UPDATE evidence") and not kept)
    await journal.store.aclose()


async def test_a_row_that_only_says_that_it_ended_stays(journal: Journal) -> None:
    out = await send(journal, "a")
    await journal.store.write(
        lambda txn: txn.write("UPDATE actions SET state = 'ended', status = 'confirmed' WHERE id = ?", out.id)
    )
    assert not await sound(journal, out.id)
    await journal.store.aclose()


async def test_the_statement_of_a_key_under_the_name_of_an_action_stays(journal: Journal) -> None:
    (done,) = await close(journal, "a")
    sql = "UPDATE statements SET action_id = ? WHERE kind IN ('tenant', 'release')"
    await journal.store.write(lambda txn: txn.write(sql, done.id, rows=None))
    assert not await sound(journal, done.id)
    await journal.store.aclose()
