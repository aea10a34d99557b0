"""Candidates at a running gateway: who may sign, what a signature is held against, and what never becomes live."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.release_approval import ReleaseApproval
from receipts.statement.gateway_facts import CandidateFacts
from server.operations.candidates import MAX_WAITING
from server.workspace.workspace import Workspace
from tests.journeys.candidates import Signer, candidates, package
from tests.journeys.releases import EXTRA, GUARD, SECOND, add_policies, widen
from tests.receipts.making import lose
from tests.world import Sandbox, World, ailyus, gateway, make_workspace


@pytest.fixture
async def world(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND)
    add_policies(workspace.root)
    async with gateway(workspace, sandbox) as running:
        yield running


async def proposed(world: World) -> str:
    widen(world.workspace)
    review = await world.app.candidates.propose(package(world))
    assert review.decision.needs == ((("SecurityLead", 1),),)
    return review.record.digest


async def not_live(world: World, digest: str) -> str:
    before = world.app.runner.release.digest
    with pytest.raises(AilyusError) as caught:
        await candidates(world).apply(digest, "terminal")
    assert world.app.runner.release.digest == before
    return caught.value.code


async def test_whose_word_counts_and_about_what(world: World) -> None:
    digest, second = await proposed(world), await Signer(world, "second").linked()
    lead, requester = await Signer(world, "lead").linked(), await Signer(world, "requester").linked()
    assert await lead.refused(digest) == "self_approval"
    assert await requester.refused(digest) == "wrong_role"
    assert await requester.refused(digest, role="Support") == "wrong_role"
    assert await second.refused(digest, display_digest="d" * 64) == "state_changed"
    assert await second.refused(digest, expires_ms=2**50) == "state_changed"
    assert await second.refused(digest, at_ms=world.app.store.now_ms() - 3_600_000) == "expired"
    assert await second.refused(digest, live="1" * 64) == "stale"
    assert await second.refused(digest, verdict="refuse") == "bad_form"
    assert await second.refused(digest, approver="lead") == "unlinked_key"
    assert await not_live(world, digest) == "not_approved"
    word = await second.approve(digest)
    with pytest.raises(AilyusError, match="does not count on"):
        await second.say(word)
    assert await second.refused(digest) == "used"
    assert await candidates(world).apply(digest, "terminal")
    record = await world.app.journal.registry.newest_signed()
    assert record is not None
    assert record.signed is not None
    assert [one.document for one in record.signed.approvals] == [word.document]


async def test_an_approval_that_was_taken_back_counts_nowhere(world: World) -> None:
    """Also not beside the author's signature in a file, where whoever has the log's evidence could put it."""
    digest, second = await proposed(world), await Signer(world, "second").linked()
    word = await second.approve(digest)
    approval = ReleaseApproval(document=word.document, public=second.key.public.hex(), assertion=word.assertion)
    kept = await candidates(world).reviews.candidate(await candidates(world).reviews.waiting(digest))
    author = kept[0].signed
    assert author is not None
    both = kept[0].model_copy(update={"signed": author.approved(approval)})
    await candidates(world).take_back(digest, "second")
    assert await not_live(world, digest) == "not_approved"
    with pytest.raises(AilyusError, match="was taken back, or is over"):
        await world.app.releases.apply(both)
    with pytest.raises(AilyusError, match="no approval of yours"):
        await candidates(world).take_back(digest, "second")
    again = await second.approve(digest)
    assert again.document.nonce != word.document.nonce
    await candidates(world).withdraw(digest, "lead", "next week")
    with pytest.raises(AilyusError, match="was taken back, or is over"):
        await world.app.releases.apply(
            both.model_copy(update={"signed": author.approved(approval.model_copy(
                update={"document": again.document, "assertion": again.assertion}
            ))})
        )  # fmt: skip
    assert await not_live(world, digest) == "used"


async def test_what_was_released_meanwhile_makes_it_stale(world: World) -> None:
    """Also where nobody else had to approve it: what people were shown is a change of another release."""
    guard = world.workspace.root / GUARD
    guard.write_text(guard.read_text() + EXTRA)
    review = await candidates(world).propose(package(world))
    assert review.decision.permitted
    assert review.why_ineligible("lead") is not None
    guard.write_text(guard.read_text().replace("nowhere", "elsewhere"))
    await world.app.replace(Workspace.open(world.workspace.root).release())
    assert await not_live(world, review.record.digest) == "stale"
    assert [standing for _, standing in await candidates(world).reviews.newest()] == ["stale"]


async def test_after_a_loss_it_is_proposed_anew(world: World) -> None:
    """A restored store does not know who took an approval back after the backup."""
    digest, second = await proposed(world), await Signer(world, "second").linked()
    word = await second.approve(digest)
    record, release = await candidates(world).reviews.candidate(await candidates(world).reviews.waiting(digest))
    await lose(world.app.journal)
    assert await not_live(world, digest) == "stale"
    assert record.signed is not None
    approval = ReleaseApproval(document=word.document, public=second.key.public.hex(), assertion=word.assertion)
    with pytest.raises(AilyusError, match="was taken back, or is over"):
        await world.app.releases.apply(record.model_copy(update={"signed": record.signed.approved(approval)}))
    assert world.app.runner.release.digest != release.digest


async def test_few_wait_at_once_and_none_for_ever(world: World) -> None:
    widen(world.workspace)
    reviews, live = candidates(world).reviews, await candidates(world).reviews.live()

    async def put(digest: str, expires_ms: int) -> None:
        facts = CandidateFacts(
            event="proposed", candidate=digest, release="1" * 64, live=live.digest, after=live.leaf, by="lead",
            keyid="k", signed="2" * 64, expires_ms=expires_ms,
        )  # fmt: skip
        await reviews.log.propose(facts, b"", [])

    for number in range(MAX_WAITING):
        await put(str(number) * 64, 2**50)
    with pytest.raises(AilyusError, match="wait already"):
        await candidates(world).propose(package(world))
    said = await ailyus(world, "release", "withdraw", "4444", "--comment", "too many")
    assert "was withdrawn" in said
    (first, standing), *_ = await reviews.newest()
    assert (standing, first.ended_by, first.ended_comment) == ("withdrawn", "terminal", "too many")
    await put("e" * 64, 1)
    assert await not_live(world, "e" * 64) == "expired"
    await candidates(world).propose(package(world))


async def test_what_is_not_proposed(world: World) -> None:
    with pytest.raises(AilyusError, match="nobody has signed"):
        await candidates(world).propose(package(world).model_copy(update={"signed": None}))
    widen(world.workspace)
    requester = package(world, "requester")
    with pytest.raises(AilyusError, match="may not release"):
        await candidates(world).propose(requester)
    other = package(world).model_copy(update={"sources": {**requester.sources, GUARD: "permit ("}})
    with pytest.raises(AilyusError):
        await candidates(world).propose(other)
    for digest in ("", "abc", "1" * 64):
        with pytest.raises(AilyusError, match="candidates begin with"):
            await candidates(world).reviews.named(digest)
    assert await candidates(world).reviews.newest() == []
    said = await ailyus(world, "release", "propose", ok=False)
    assert "nobody has signed these files" in said
    said = await ailyus(world, "release", "apply", "--proposed", "abc", "--as", "lead", ok=False)
    assert "takes neither `--as` nor `--candidate`" in said
