"""The scan of the log is whole, or it is refused; what an earlier start read is believed only where it still holds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.statement.log_scan import envelope_of, remember, scan
from receipts.store.row import Read
from receipts.store.sqlite import SqliteStore
from receipts.store.transaction import Txn
from tests.receipts.making import SIGNER, journal_at, store_at
from tests.receipts.stages import halt, send

ORIGIN = "ailyus.test"


@pytest.fixture
async def store(tmp_path: Path) -> SqliteStore:
    """A log with statements that control something, and others between them; nobody writes to it any more."""
    journal = await journal_at(tmp_path / "s.db")
    await halt(journal, "connection", "okta")
    await send(journal, "r1")
    await halt(journal, "agent", "bot")
    assert isinstance(journal.store, SqliteStore)
    return journal.store


def scanned(read: Read) -> tuple[list[int], int, int]:
    """The leaves that control something, how long the log is, and how far an earlier start had read."""
    found, kept = scan(read, SIGNER, ORIGIN)
    return [leaf for leaf, _ in found.statements], found.frontier.size, kept


async def change(store: SqliteStore, work: Callable[[Txn], object]) -> None:
    await store.write(work)


async def test_every_statement_that_controls_something_is_found(store: SqliteStore) -> None:
    rows = await store.read("SELECT leaf_index FROM statements WHERE kind IN ('halt', 'tenant') ORDER BY leaf_index")
    leaves, size, kept = await store.read_aside(scanned)
    assert (leaves, size, kept) == ([leaf for (leaf,) in rows], store.size, 0)
    await store.aclose()


async def test_what_was_read_is_remembered_and_only_the_rest_is_read_again(store: SqliteStore) -> None:
    found, _ = await store.read_aside(lambda read: scan(read, SIGNER, ORIGIN))
    note = found.note(SIGNER, ORIGIN)
    await change(store, lambda txn: remember(txn, note))
    leaves, size, kept = await store.read_aside(scanned)
    assert (leaves, size, kept) == ([leaf for leaf, _ in found.statements], store.size, store.size)
    await change(store, lambda txn: remember(txn, note))
    assert await store.read("SELECT count(*) FROM meta WHERE key = 'ledger'") == [(1,)]
    await store.aclose()


@pytest.mark.parametrize("spoil", ["signature", "statement", "node", "text", "checkpoint"])
async def test_what_is_remembered_and_does_not_hold_is_read_anew(store: SqliteStore, spoil: str) -> None:
    found, _ = await store.read_aside(lambda read: scan(read, SIGNER, ORIGIN))
    note = found.note(SIGNER, ORIGIN)
    notes = {
        "signature": note.replace(f"{store.size} ", f"{store.size - 1} ", 1),
        "text": "nothing",
        "checkpoint": await store.newest(),
    }
    await change(store, lambda txn: remember(txn, notes.get(spoil, note)))
    if spoil == "statement":
        await change(
            store, lambda txn: txn.write("DELETE FROM statements WHERE leaf_index = ?", found.statements[0][0])
        )
    if spoil == "node":
        await change(store, lambda txn: txn.write("UPDATE nodes SET hash = zeroblob(32)", rows=None))
    if spoil == "statement":
        with pytest.raises(AilyusError, match="not those that the newest checkpoint was signed over"):
            await store.read_aside(scanned)
    else:
        assert (await store.read_aside(scanned))[2] == 0
    await store.aclose()


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("DELETE FROM checkpoints", "the log has statements and no checkpoint"),
        ("DELETE FROM statements WHERE leaf_index = 0", "not those that the newest checkpoint was signed over"),
        ("DELETE FROM statements WHERE leaf_index = 4", "not those that the newest checkpoint was signed over"),
        (
            "UPDATE statements SET leaf_index = 99 WHERE leaf_index = 4",
            "not those that the newest checkpoint was signed",
        ),
        ("UPDATE statements SET envelope = x'00' WHERE leaf_index = 1", "not those that the newest"),
        ("UPDATE statements SET envelope = (SELECT envelope FROM statements WHERE leaf_index = 0)", "not those"),
    ],
)
async def test_a_log_that_was_changed_is_not_gone_on_from(store: SqliteStore, sql: str, sentence: str) -> None:
    await change(store, lambda txn: txn.write(sql, rows=None))
    with pytest.raises(AilyusError, match=sentence) as caught:
        await store.read_aside(scanned)
    assert caught.value.code == "store_corrupt"
    await store.aclose()


async def test_a_checkpoint_of_another_log_stands_for_none(store: SqliteStore) -> None:
    with pytest.raises(AilyusError):
        await store.read_aside(lambda read: scan(read, SIGNER, "another.log"))
    await store.aclose()


async def test_an_empty_log_is_whole(tmp_path: Path) -> None:
    empty = store_at(tmp_path / "empty.db")
    assert await empty.read_aside(scanned) == ([], 0, 0)
    await empty.aclose()


def test_what_is_no_envelope_is_none() -> None:
    envelope = SIGNER.envelope(b"{}")
    assert envelope_of(envelope.encoded()) == envelope
    for data in (b"", b"{}", envelope.encoded() + b" "):
        assert envelope_of(data) is None
