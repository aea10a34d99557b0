"""A loss in the log counts by the signature of the person who accepted it, which is verified again."""

from pathlib import Path

import orjson

from receipts.audit.losses import loss_faults
from receipts.journal.journal import Journal
from receipts.log.log_keys import LogKeys
from receipts.store.row import blob
from tests.receipts.audit.proofs import approved
from tests.receipts.making import SIGNER, journal_at, lose


async def faults(journal: Journal) -> list[str]:
    return await journal.store.read_aside(lambda read: list(loss_faults(read, LogKeys.of(SIGNER))))


async def test_a_loss_that_a_linked_key_signed_holds(tmp_path: Path) -> None:
    journal = (await approved(tmp_path / "store.db")).journal
    await lose(journal, remembered=99)
    assert await faults(journal) == []
    await journal.store.aclose()


async def test_a_loss_that_no_linked_key_signed_is_found(tmp_path: Path) -> None:
    journal = await journal_at(tmp_path / "store.db")
    record = await lose(journal)
    ((leaf,),) = await journal.store.read("SELECT leaf_index FROM statements WHERE id = ?", record.receipt)
    assert await faults(journal) == [
        f"the loss at leaf {leaf} is not signed by a key that was linked to who accepted it"
    ]
    await journal.store.aclose()


async def test_a_document_that_was_changed_is_found(tmp_path: Path) -> None:
    journal = (await approved(tmp_path / "store.db")).journal
    await lose(journal)
    ((kept,),) = await journal.store.read("SELECT data FROM evidence WHERE label = 'signed'")
    for field, value in (("reason", "the disk was sold"), ("person", "other"), ("nonce", "m")):
        changed = orjson.loads(blob(kept))
        changed["document"][field] = value
        data = orjson.dumps(changed)
        await journal.store.write(
            lambda txn, d=data: txn.write("UPDATE evidence SET data = ? WHERE label = 'signed'", d)
        )
        assert len(await faults(journal)) == 1, field
    await journal.store.write(lambda txn: txn.write("UPDATE evidence SET data = ? WHERE label = 'signed'", b"?"))
    assert len(await faults(journal)) == 1
    await journal.store.aclose()
