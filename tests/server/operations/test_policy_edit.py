"""Edits of the live policies: what is wrong, what is meant, and whose signature puts them before people."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import MappingProxyType

import pytest

from contracts.errors import AilyusError
from policies.release_content import Noun
from server.operations import policy_edit, policy_impact
from server.operations.policy_edit import AuthorWord, PolicyEdits
from tests.journeys.candidates import Signer, candidates
from tests.journeys.releases import SECOND, add_policies
from tests.world import MARIA, Sandbox, World, gateway, make_workspace

NEW = "policies/night.cedar"
NIGHT = MappingProxyType(
    {NEW: '@id("night")\nforbid (principal, action, resource) when { resource.tenant == "nowhere" };\n'}
)


@pytest.fixture
async def world(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND)
    add_policies(workspace.root)
    async with gateway(workspace, sandbox) as running:
        yield running


async def word(world: World, by: Signer, texts: dict[str, str], reason: str = "") -> AuthorWord:
    edits = PolicyEdits(candidates(world))
    person = world.app.runner.release.people.get(by.name)
    assert person is not None
    document = await edits.document(await edits.check(texts), person, reason)
    return AuthorWord(document=document, keyid=by.key.keyid, assertion=by.passkey.sign(bytes.fromhex(document.digest)))


async def refused(world: World, texts: dict[str, str], person: str, said: AuthorWord) -> str:
    one = world.app.runner.release.people.get(person)
    assert one is not None
    with pytest.raises(AilyusError) as caught:
        await PolicyEdits(candidates(world)).propose(texts, one, said)
    return caught.value.code


async def test_an_edit_is_of_policies_and_of_no_other_file(world: World) -> None:
    edits = PolicyEdits(candidates(world))
    for name in (
        "ailyus.toml",
        "contracts/okta.yaml",
        "policies/../x.cedar",
        "/policies/x.cedar",
        "policies/X.cedar",
        "",
    ):
        with pytest.raises(AilyusError, match="is no file of policies"):
            await edits.check({name: "x"})


async def test_faults_stand_where_they_are_and_nothing_can_be_proposed(world: World) -> None:
    edits, lead = PolicyEdits(candidates(world)), world.app.runner.release.people.get("lead")
    assert lead is not None
    found = await edits.check({NEW: '@id("night")\nforbid (principal, action resource);\n'})
    (fault,) = found.findings
    assert fault.position is not None
    assert (fault.position.file, fault.position.line) == (NEW, 2)
    with pytest.raises(AilyusError, match="cannot be proposed"):
        await edits.document(found, lead, "")
    same = await edits.check({})
    assert (same.findings, same.differs) == ((), False)


async def test_what_an_edit_means_is_said_and_as_far_as_there_is_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = PolicyEdits(candidates(world))
    monkeypatch.setattr(policy_edit, "MAX_SECONDS", -1.0)
    found = await edits.check(dict(NIGHT))
    assert found.outcomes is not None
    assert (found.outcomes.situations, found.outcomes.is_whole) == (0, False)
    wanted: Noun = "policy"
    assert [(one.noun, one.name) for one in found.changes] == [(wanted, "night")]
    assert (found.tests > 0, [one.name for one in found.files]) == (True, [NEW])


async def test_recorded_decisions_are_decided_again_as_far_as_there_is_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_edit, "MAX_SECONDS", -1.0)
    read = await world.call("get_user", {"user_id": MARIA["user_id"]})
    assert read["status"] == "confirmed", read
    edits = PolicyEdits(candidates(world))
    texts = {
        NEW: '@id("night")\nforbid (principal, action == Action::"get_user", resource)'
        f' when {{ context.params.user_id == "{MARIA["user_id"]}" }};\n'
    }
    impact = (await edits.check(texts)).impact
    assert impact is not None
    assert (impact.tally.wider, impact.narrower, impact.is_whole) == (0, impact.read - impact.tally.same, True)
    kinds = {(one.action, one.before, one.after, one.policies): flips for one, flips in impact.tally.flips.items()}
    (flips,) = [flips for key, flips in kinds.items() if key[:3] == ("get_user", "permitted", "denied")]
    rows = world.rows("SELECT id FROM statements WHERE contract = 'get_user'")
    assert set(flips.receipts) <= {str(row[0]) for row in rows}
    # what differs in nothing is not decided again, and what there is no time for is not said to be whole
    assert (await edits.check({})).impact is None
    monkeypatch.setattr(policy_impact, "MAX_SECONDS", -1.0)
    late = (await edits.check(texts)).impact
    assert late is not None
    assert (late.read, late.is_whole) == (0, False)


async def test_the_policies_of_a_former_release_are_an_edit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_edit, "MAX_SECONDS", -1.0)
    lead, second = await Signer(world, "lead").linked(), await Signer(world, "second").linked()
    edits, first, texts = PolicyEdits(candidates(world)), world.app.runner.release.digest, dict(NIGHT)
    assert await edits.former(first) == {}
    person = world.app.runner.release.people.get("lead")
    assert person is not None
    review = await edits.propose(texts, person, await word(world, lead, texts))
    if not review.decision.permitted:
        await second.approve(review.record.digest)
    assert await candidates(world).apply(review.record.digest, "lead")
    # the live files were read before, and are read again
    assert await edits.former(first) == {NEW: ""}
    back = await edits.check(await edits.former(first))
    assert back.made is not None
    assert back.made[0].digest == first


async def test_an_edit_waits_for_people_and_nobody_proposes_for_somebody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_edit, "MAX_SECONDS", -1.0)
    lead, second = await Signer(world, "lead").linked(), await Signer(world, "second").linked()
    before, texts = world.app.runner.release.digest, dict(NIGHT)
    said = await word(world, lead, texts, "no changes at night")
    assert await refused(world, texts, "second", said) == "unlinked_key"
    assert await refused(world, texts, "lead", said.model_copy(update={"keyid": second.key.keyid})) == "unlinked_key"
    assert await refused(world, {**texts, NEW: texts[NEW].replace("night", "day")}, "lead", said) == "not_released"
    old = said.document.model_copy(update={"at_ms": said.document.at_ms - 3_600_000})
    assert await refused(world, texts, "lead", said.model_copy(update={"document": old})) == "expired"
    person = world.app.runner.release.people.get("lead")
    assert person is not None
    said = await word(world, lead, texts, "no changes at night")
    review = await PolicyEdits(candidates(world)).propose(texts, person, said)
    assert (review.signed.document.author, review.signed.document.reason) == ("lead", "no changes at night")
    assert world.app.runner.release.digest == before
    if not review.decision.permitted:
        await second.approve(review.record.digest)
    assert await candidates(world).apply(review.record.digest, "terminal")
    assert "night" in world.app.runner.release.decider.bundle.sources
    # the same word again: the passkey has counted on
    assert await refused(world, texts, "lead", said) in ("bad_signature", "not_released")


async def test_whoever_may_not_release_proposes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_edit, "MAX_SECONDS", -1.0)
    with pytest.raises(AilyusError, match="`requester` may not release"):
        await word(world, Signer(world, "requester"), dict(NIGHT))
