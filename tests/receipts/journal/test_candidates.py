"""Candidates in the log, on either store: each word once, files that are erased, and what nobody signed."""

import pytest

from contracts.errors import AilyusError
from policies.release_approval import ReleaseApproval, approval_document
from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.journal.candidates import CandidateLog
from receipts.journal.journal import Journal
from receipts.statement.candidates import CandidateRecord
from receipts.statement.gateway_facts import CandidateFacts
from tests.receipts.making import lose

pytestmark = pytest.mark.both_stores
A, B, C = "a" * 64, "b" * 64, "c" * 64


def facts(event: str = "proposed", candidate: str = A, **more: object) -> CandidateFacts:
    made = CandidateFacts(
        event="proposed", candidate=candidate, release=B, live=C, after=0, by="lead", keyid="k", signed=A, expires_ms=9
    )
    return made.also({"event": event, **more})


def approval(by: str) -> ReleaseApproval:
    return ReleaseApproval(document=approval_document("acme", A, by, "SecurityLead", "", 1), public="00")


async def found(log: CandidateLog, digest: str = A) -> CandidateRecord:
    record = await log.find(digest)
    assert record is not None
    return record


async def approve(log: CandidateLog, record: CandidateRecord, by: str) -> ReleaseApproval:
    given = approval(by)
    said = {"by": by, "signed": given.document.digest, "keyid": given.keyid, "role": "SecurityLead"}
    await log.say(record, facts("approved", **said), given)
    return given


async def test_what_was_proposed_and_said_of_it(journal: Journal) -> None:
    log = CandidateLog(journal)
    assert await log.find(A) is None
    await log.propose(facts(), b"files", [])
    await log.propose(facts(candidate=B), b"more", [])
    with pytest.raises(AilyusError, match="proposed already"):
        await log.propose(facts(), b"other", [])
    assert [one.digest for one in await log.newest()] == [B, A]
    record = await found(log)
    assert await log.package(record) == b"files"
    first = await approve(log, record, "second")
    # two at once: whoever was read before the other one's word says nothing
    with pytest.raises(AilyusError, match="meanwhile"):
        await approve(log, record, "third")
    record = await found(log)
    assert record.approvals == (first,)
    await log.say(record, facts("taken_back", by="second", signed=first.document.digest))
    record = await found(log)
    assert (record.approvals, record.taken_back) == ((), {first.document.digest})
    await log.say(record, facts("refused", by="third", comment="no"), approval("third"))
    record = await found(log)
    assert (record.end, record.ended_by, record.ended_comment) == ("refused", "third", "no")
    with pytest.raises(AilyusError, match="not kept any more"):
        await log.package(record)
    # what is over gives up its files with the next one
    await log.propose(facts(candidate=C), b"third", [await found(log, B), record])
    with pytest.raises(AilyusError, match="not kept any more"):
        await log.package(await found(log, B))
    roots = Roots.of(journal.store.origin, journal.store.keys)
    found_by_audit = await journal.store.read_aside(lambda read: list(audit(read, roots)))
    # files that were erased are no finding; these words carry no signature
    assert [one.split(" in ")[0] for one in found_by_audit] == ["the word of `second`", "the word of `third`"]


async def test_files_that_were_exchanged_are_not_taken(journal: Journal) -> None:
    log = CandidateLog(journal)
    await log.propose(facts(), b"files", [])
    await journal.write((), lambda txn: txn.write("UPDATE evidence SET data = ? WHERE label = 'package'", b"mine"))
    with pytest.raises(AilyusError, match="was changed"):
        await log.package(await found(log))


async def test_after_a_loss_nobody_knows_what_became_of_it(journal: Journal) -> None:
    log = CandidateLog(journal)
    await log.propose(facts(), b"files", [])
    assert not (await found(log)).lost
    await lose(journal)
    assert (await found(log)).lost
    await log.propose(facts(candidate=B), b"files", [])
    assert not (await found(log, B)).lost
