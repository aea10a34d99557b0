"""A proof file holds the statements of its action, their proofs in one checkpoint, and nobody else's business."""

from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError

from contracts.errors import AilyusError
from receipts.audit.proof import ProofFile
from receipts.log.checkpoint import Checkpoint, LogProof
from receipts.log.merkle import consistent, included, leaf_hash
from receipts.log.signing import Envelope
from tests.receipts.audit.proofs import LEAD, approved, stated
from tests.receipts.stages import end, send


async def test_all_of_the_action_is_in_it_with_its_release_and_its_approvers_key(tmp_path: Path) -> None:
    one = await approved(tmp_path / "s.db")
    await end(one.journal, await send(one.journal, "another"))
    file = await one.file()
    said = [(s.predicate["kind"], s.predicate["status"]) for s in stated(file)]
    assert said == [
        ("release", ""), ("key", ""), ("decision", "approval_required"), ("decision", "approved"),
        ("intent", "running"), ("outcome", "confirmed"),
    ]  # fmt: skip
    assert {s.action for s in stated(file)} == {None, one.action.id}
    assert file.receipt == await one.receipt("approval_required")
    await one.journal.store.aclose()


async def test_every_statement_is_proven_in_the_same_checkpoint(tmp_path: Path) -> None:
    one = await approved(tmp_path / "s.db")
    file = await one.file()
    proofs = [LogProof.parse(entry.proof) for entry in file.statements]
    assert len({proof.note for proof in proofs}) == 1
    head = Checkpoint.of_note(proofs[0].note)
    for entry, proof in zip(file.statements, proofs, strict=True):
        leaf = leaf_hash(Envelope.decode(entry.envelope.encode()).leaf())
        assert included(leaf, proof.index, head.size, proof.hashes, head.root)
    await one.journal.store.aclose()


async def test_it_continues_an_older_checkpoint_and_no_longer_one(tmp_path: Path) -> None:
    import base64

    one = await approved(tmp_path / "s.db")
    ((note,),) = await one.journal.store.read("SELECT note FROM checkpoints ORDER BY size LIMIT 1")
    old, new = Checkpoint.of_note(str(note)), Checkpoint.of_note(await one.journal.store.newest())
    file = await one.file(since=old.size)
    assert file.consistency is not None
    hashes = [base64.b64decode(text) for text in file.consistency.hashes]
    assert consistent(old.size, old.root, new.size, new.root, hashes)
    with pytest.raises(AilyusError, match=f"the older checkpoint has {new.size + 1} leaves, the log only {new.size}"):
        await one.file(since=new.size + 1)
    await one.journal.store.aclose()


async def test_keys_of_other_people_and_evidence_that_is_not_asked_for_stay_away(tmp_path: Path) -> None:
    one = await approved(tmp_path / "s.db")
    labels = {d.label for d in (await one.file()).disclosures}
    assert {"params", "approval", "asked", "person"} <= labels
    assert (await one.file(disclose=False)).disclosures == ()
    sent = await send(one.journal, "unapproved")
    await end(one.journal, sent)
    ((receipt,),) = await one.journal.store.read(
        "SELECT id FROM statements WHERE action_id = ? AND kind = 'outcome'", sent.id
    )
    file = await one.file(str(receipt))
    assert LEAD.keyid not in str([s.predicate for s in stated(file)])
    await one.journal.store.aclose()


async def test_a_receipt_that_is_not_there_and_a_file_that_is_none(tmp_path: Path) -> None:
    one = await approved(tmp_path / "s.db")
    with pytest.raises(AilyusError, match=r"there is no receipt `rcp_none`") as caught:
        await one.file("rcp_none")
    assert caught.value.code == "not_found"
    file = await one.file()
    assert ProofFile.model_validate_json(file.encoded()) == file
    document = orjson.loads(file.encoded())
    for change in ({"more": 1}, {"format": "ailyus-proof-v2"}, {"statements": None}):
        with pytest.raises(ValidationError):
            ProofFile.model_validate(document | change)
    await one.journal.store.aclose()
