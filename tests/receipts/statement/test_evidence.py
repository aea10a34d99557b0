"""Evidence beside the log: listed by label, given to its tenant alone, and erased without a trace in the log."""

import pytest

from receipts.journal.journal import Journal
from receipts.statement import entries, evidence
from receipts.statement.evidence import EvidencePiece, EvidenceSize
from tests.receipts.making import action, seal

pytestmark = pytest.mark.both_stores


async def test_evidence_is_listed_and_given_to_its_tenant_alone(journal: Journal) -> None:
    about = action()
    sealed = seal(journal, about, "decision", "denied")
    leaf = await journal.store.write(sealed.insert)
    for label, data in (("b", b"two"), ("a", b"one!")):
        await journal.store.write(
            lambda txn, label=label, data=data: txn.write(
                "INSERT INTO evidence VALUES (?, ?, ?, ?)", leaf, label, b"salt", data
            )
        )
    sizes = [EvidenceSize("a", 4), EvidenceSize("b", 3), EvidenceSize("params", 11)]
    assert await evidence.sizes(journal.store, leaf) == sizes
    (entry,) = await entries.of_action(journal.store, about.id)
    pieces = await journal.store.read_aside(lambda read: evidence.pieces(read, entry.receipt))
    assert pieces == [EvidencePiece("a", b"one!"), EvidencePiece("b", b"two"), EvidencePiece("params", b'{"id":"r1"}')]
    assert await evidence.piece(journal.store, entry.receipt, "a", "acme") == b"one!"
    assert await evidence.piece(journal.store, entry.receipt, "a", "other") is None
    assert await evidence.piece(journal.store, entry.receipt, "c", "acme") is None


async def test_what_an_outcome_kept_of_the_send_is_answer_outputs_and_pages(journal: Journal) -> None:
    leaf = await journal.store.write(seal(journal, action(), "outcome", "confirmed").insert)
    labels = ("response", "outputs", "page/before.png", "page/after.png", "before/user", "response/other", "signed")
    for label in labels:
        await journal.store.write(
            lambda txn, label=label: txn.write(
                "INSERT INTO evidence VALUES (?, ?, ?, ?)", leaf, label, b"salt", label.encode()
            )
        )
    kept = await evidence.of_send(journal.store, leaf)
    assert kept == {label: label.encode() for label in ("response", "outputs", "page/before.png", "page/after.png")}
    assert await evidence.of_send(journal.store, leaf + 1) == {}


async def test_what_was_erased_is_not_there(journal: Journal) -> None:
    leaf = await journal.store.write(seal(journal, action(), "decision", "denied").insert)
    await journal.store.write(lambda txn: txn.write("DELETE FROM evidence WHERE leaf_index = ?", leaf, rows=1))
    assert await evidence.sizes(journal.store, leaf) == []
    assert await journal.store.read_aside(lambda read: evidence.pieces(read, "rcp_none")) == []
