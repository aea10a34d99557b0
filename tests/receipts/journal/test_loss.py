"""A loss that was accepted: nothing that was open is sent, everything is halted, and the log says so for ever."""

import asyncio
from pathlib import Path

import orjson
import pytest

from contracts.errors import AilyusError
from receipts.audit.losses import losses
from receipts.journal.intent import Stale
from receipts.journal.journal import Journal
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Envelope, Signer
from receipts.store.mark import SET, is_copy
from receipts.store.postgres_acceptance import PostgresAcceptance
from receipts.store.row import blob
from receipts.store.sqlite_acceptance import SqliteAcceptance
from tests.receipts import making
from tests.receipts.making import SIGNER, journal_at, lose, store_at

pytestmark = pytest.mark.both_stores


async def test_what_was_open_is_never_sent_and_what_is_new_waits_for_the_end_of_the_halt(journal: Journal) -> None:
    out, fresh = making.action("out"), making.action("fresh")
    ended = making.action("ended")
    await making.conclude(journal, ended, (await making.intend(journal, ended)).fence)
    fence = (await making.intend(journal, out)).fence
    record = await lose(journal)
    assert record.actions == (out.id,)
    row = await journal.get(out.id)
    assert row is not None
    assert row.fence == fence
    again = await making.try_to_intend(journal, row, attempt=2)
    assert isinstance(again, Stale)
    assert journal.is_unsendable(row)
    assert not journal.is_unsendable(fresh)
    ((intents,),) = await journal.store.read("SELECT count(*) FROM intents WHERE action_id = ?", out.id)
    assert intents == 1
    assert journal.controls.halted(fresh.request) is not None
    assert journal.controls.halted(fresh.request, undo=True) is not None


async def test_it_is_remembered_by_whoever_starts_later(tmp_path: Path, database: str) -> None:
    journal = await journal_at(tmp_path / "store.db", database=database)
    out = making.action("out")
    await making.intend(journal, out)
    await lose(journal, remembered=99)
    await journal.store.aclose()
    journal = await journal_at(tmp_path / "store.db", database=database)
    assert journal.ledger.unsendable == {out.id}
    (said,) = await journal.store.read_aside(lambda read: losses(read, LogKeys.of(SIGNER)))
    assert said.startswith("`lead` accepted a loss at leaf ")
    assert "in place of a log that was remembered at 99: the disk broke" in said
    # what another key signed is no word of this log
    other = Signer(making.Ed25519PrivateKey.generate())
    assert await journal.store.read_aside(lambda read: losses(read, LogKeys.of(other))) == []
    await journal.store.aclose()


async def test_the_statement_keeps_what_the_person_signed(journal: Journal) -> None:
    record = await lose(journal, remembered=99)
    ((leaf, envelope),) = await journal.store.read(
        "SELECT leaf_index, envelope FROM statements WHERE id = ?", record.receipt
    )
    about = orjson.loads(Envelope.decode(blob(envelope)).payload)["predicate"]["about"]
    assert (about["by"], about["rememberedSize"], about["restoredSize"]) == ("lead", 99, leaf)
    ((kept,),) = await journal.store.read("SELECT data FROM evidence WHERE leaf_index = ? AND label = 'signed'", leaf)
    assert orjson.loads(blob(kept))["document"]["reason"] == "the disk broke"


async def test_whoever_was_signed_in_or_invited_is_no_more(journal: Journal) -> None:
    def seed(txn: making.Any) -> None:
        txn.write("INSERT INTO sessions VALUES ('h', 'lead', 'k', 9000000000000)")
        txn.write("INSERT INTO introductions VALUES ('i', 'lead', ?, 't', 9000000000000, NULL)", b"[]")
        txn.write("INSERT INTO handles VALUES ('sec', 'acme', 'ann', NULL, 'act', '[]', ?, 9000000000000)", b"sealed")

    await journal.store.write(seed)
    await lose(journal)
    assert await journal.store.read("SELECT 1 FROM sessions") == []
    assert await journal.store.read("SELECT 1 FROM introductions WHERE expires_ms > ?", journal.store.now_ms()) == []
    assert await journal.store.read("SELECT sealed FROM handles") == [(None,)]


async def test_a_halt_of_everything_stays_the_one_that_it_was(journal: Journal) -> None:
    await lose(journal)
    halts = journal.controls.halts
    await lose(journal)
    assert journal.controls.halts == halts
    assert len(halts) == 1


async def test_a_copy_opens_for_whoever_accepts_and_then_for_everybody(tmp_path: Path, database: str) -> None:
    path = tmp_path / "store.db"
    journal = await journal_at(path, database=database)
    await journal.store.write(lambda txn: txn.write(SET, "1"))
    await journal.store.aclose()
    with pytest.raises(AilyusError, match="came out of a backup"):
        await asyncio.to_thread(store_at, path, database)
    opened: SqliteAcceptance | PostgresAcceptance
    if database:
        opened = await asyncio.to_thread(PostgresAcceptance, database, path, SIGNER, "ailyus.test")
    else:
        opened = SqliteAcceptance(path, SIGNER, "ailyus.test")
    assert opened.refusal is not None
    journal = Journal(opened, SIGNER)
    await journal.load()
    await lose(journal)
    await opened.aclose()
    store = await asyncio.to_thread(store_at, path, database)
    assert not await store.read_aside(is_copy)
    await store.aclose()
