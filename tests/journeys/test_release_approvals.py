"""A release that a policy of the live one asks a second person about: signed, approved by another, and only then live."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.release_approval import approval_document, sign_approval
from policies.signed_release import SignedRelease
from receipts.log.signing import create_key, load_key
from server.approvals.keys import NewKey, link_new
from server.workspace.release_approvals import needs_of
from server.workspace.release_checks import require_approvable
from server.workspace.release_files import sources_of
from server.workspace.releases import now_ms
from server.workspace.workspace import Workspace
from tests.journeys.releases import (
    EXTRA,
    GUARD,
    SECOND,
    begun,
    edit,
    guarded,
    link,
    refused,
    signed,
    start,
    started,
    widen,
)
from tests.world import FILE, Sandbox, ailyus, cli, gateway, make_workspace

THIRD = '\n[[people]]\nname = "third"\ntenant = "acme"\nroles = ["SecurityLead"]\n'


def approved(
    workspace: Workspace, word: SignedRelease, by: str, role: str = "SecurityLead", key: str = "", at_ms: int = 0
) -> SignedRelease:
    document = approval_document(workspace.settings.origin, word.document.digest, by, role, "seen", at_ms or now_ms())
    return word.approved(sign_approval(document, load_key(workspace.key_file(key or by), b"correct horse battery")))


async def with_keys(workspace: Workspace) -> None:
    async with started(workspace, signed(workspace, "lead")) as app:
        for person in ("second", "requester"):
            await link(workspace, app, person)
    widen(workspace)


async def test_what_lets_more_through_waits_for_a_second_person(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = guarded(tmp_path / "w", sandbox)
    await with_keys(workspace)
    word = signed(workspace, "lead")
    assert await refused(workspace, word) == "not_approved"
    asked = needs_of(workspace, workspace.release("lead"), sources_of(workspace.root), word, now_ms())
    assert (asked.permitted, asked.needs) == (False, ((("SecurityLead", 1),),))
    assert asked.says == "`wider-release-needs-a-second-person` asks for approvals: 1 SecurityLead"
    both = approved(workspace, word, "second")
    async with started(workspace, both) as app:
        record = await app.journal.registry.newest_signed()
        assert record is not None
        assert record.signed == both
        # it is live: an approval that comes later changes nothing, and ends no start
    await start(workspace, approved(workspace, both, "second"))
    said = cli("release", "history", cwd=workspace.root)
    assert "by lead, signed, approved by second: a test" in said


@pytest.mark.parametrize(
    ("by", "role", "key", "code"),
    [
        ("lead", "SecurityLead", "", "self_approval"),
        ("requester", "SecurityLead", "", "wrong_role"),
        ("requester", "Support", "", "not_approved"),
        ("second", "SecurityLead", "requester", "unlinked_key"),
        ("second", "SecurityLead", "lead", "unlinked_key"),
    ],
)
async def test_an_approval_that_does_not_count(
    tmp_path: Path, sandbox: Sandbox, by: str, role: str, key: str, code: str
) -> None:
    workspace = guarded(tmp_path / "w", sandbox)
    await with_keys(workspace)
    assert await refused(workspace, approved(workspace, signed(workspace, "lead"), by, role, key)) == code


async def test_an_auditor_approves_none_whatever_else_they_may(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = guarded(tmp_path / "w", sandbox)
    edit(workspace, FILE, SECOND, SECOND.replace('["SecurityLead"]', '["SecurityLead", "Auditor"]'))
    audited = Workspace.open(workspace.root)
    await with_keys(audited)
    assert await refused(audited, approved(audited, signed(audited, "lead"), "second")) == "no_authority"


async def test_an_approval_is_of_one_signature_and_of_its_own_words(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = guarded(tmp_path / "w", sandbox)
    await with_keys(workspace)
    word = signed(workspace, "lead")
    other = approved(workspace, signed(workspace, "lead"), "second").approvals
    assert await refused(workspace, word.model_copy(update={"approvals": other})) == "not_released"
    (good,) = approved(workspace, word, "second").approvals
    changed = good.model_copy(update={"document": good.document.model_copy(update={"comment": "not seen"})})
    assert await refused(workspace, word.model_copy(update={"approvals": (changed,)})) == "bad_signature"
    twice = word.model_copy(update={"approvals": (good, good)})
    assert await refused(workspace, twice) == "self_approval"
    old = approved(workspace, word, "second", at_ms=now_ms() - 3_600_000)
    assert await refused(workspace, old) == "not_released"
    late = approved(workspace, word, "second", at_ms=now_ms() + 3_600_000)
    assert await refused(workspace, late) == "not_released"


async def test_the_live_release_decides_about_the_next_one(tmp_path: Path, sandbox: Sandbox) -> None:
    """A release that brings no such policies, or a new person to approve it, is decided by the former ones."""
    workspace = guarded(tmp_path / "w", sandbox)
    await with_keys(workspace)
    for name in ("release.cedar", "release.test.yaml"):
        (workspace.root / "policies" / name).unlink()
    assert await refused(workspace, signed(workspace, "lead")) == "not_approved"
    path = workspace.root / FILE
    path.write_text(path.read_text() + THIRD)
    create_key(workspace.key_file("third"), b"correct horse battery")
    wider = Workspace.open(workspace.root)
    assert await refused(wider, signed(wider, "lead")) == "not_approved"
    assert await refused(wider, approved(wider, signed(wider, "lead"), "third")) == "unlinked_key"
    await start(wider, approved(wider, signed(wider, "lead"), "second"))
    edit(wider, GUARD, "<= 901", "<= 900")
    edit(wider, "policies/approvals.test.yaml", "oldest_seconds: 902", "oldest_seconds: 901")
    await start(wider, signed(wider, "lead"))  # now nothing asks any more


async def test_what_lets_nothing_more_through_needs_nobody_else_and_so_does_going_back(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    workspace = guarded(tmp_path / "w", sandbox)
    await with_keys(workspace)
    await start(workspace, approved(workspace, signed(workspace, "lead"), "second"))
    edit(workspace, GUARD, "<= 901", "<= 900")
    edit(workspace, "policies/approvals.test.yaml", "oldest_seconds: 902", "oldest_seconds: 901")
    await start(workspace, signed(workspace, "lead"))
    guard = workspace.root / GUARD
    guard.write_text(guard.read_text() + EXTRA)
    await start(workspace, signed(workspace, "lead"))


async def test_a_gateway_that_starts_meanwhile_serves_the_last_release(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = guarded(tmp_path / "w", sandbox)
    await with_keys(workspace)
    live = begun(workspace).release.digest
    word = signed(workspace, "lead")
    (workspace.root / "release.json").write_text(word.model_dump_json())
    started_with = begun(workspace)
    assert started_with.release.digest == live
    assert any("is not approved" in line for line in started_with.says)
    both = approved(workspace, word, "second")
    (workspace.root / "release.json").write_text(both.model_dump_json())
    assert begun(workspace).release.digest == word.document.release


async def test_a_policy_that_nobody_could_lift_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = guarded(tmp_path / "w", sandbox)
    path = workspace.root / "policies" / "release.cedar"
    for text, why in (
        ('@id("a") forbid (principal, action, resource);', "whoever approves"),
        ('@id("a") permit (principal, action, resource);', "permits a release"),
        (
            '@id("tenant-wall") forbid (principal, action, resource) unless { context.approvals.SecurityLead >= 1 };',
            "twice",
        ),
    ):
        path.write_text(text)
        with pytest.raises(AilyusError, match=why):
            workspace.release()


async def test_a_release_that_too_few_people_could_approve_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = guarded(tmp_path / "w", sandbox)
    require_approvable(workspace, workspace.release())
    edit(workspace, "policies/release.cedar", "SecurityLead >= 1", "SecurityLead >= 3")
    with pytest.raises(
        AilyusError, match="3 SecurityLead to approve a release, and beside its author there are too few"
    ):
        require_approvable(workspace, workspace.release())


async def test_the_commands(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND)
    said = cli("policy", "new", "release-approval", cwd=workspace.root)
    assert "wrote policies/release.cedar and its test" in said
    assert "there is no role" not in cli("policy", "test", cwd=workspace.root)
    create_key(workspace.key_file("second"))
    async with gateway(workspace, sandbox) as world:
        public = load_key(workspace.key_file("second")).public_key().public_bytes_raw().hex()
        await link_new(world.app.runner, NewKey(public=public, person="second", kind="development"))
        widen(workspace)
        said = await ailyus(world, "release", "apply", "--as", "lead", "--allow-wider", ok=False)
        assert "the release is not approved: `wider-release-needs-a-second-person` asks for approvals" in said
        (workspace.root / "release.json").write_text("no signature")  # signing again is how it is mended
        said = await ailyus(world, "release", "sign", "--as", "lead", "--allow-wider")
        assert "next: another person runs ailyus release approve --as PERSON" in said
        assert "signed this release" in await ailyus(world, "release", "approve", "--yes", "--as", "lead", ok=False)
        said = await ailyus(world, "release", "approve", "--yes", "--as", "second", "--comment", "seen")
        assert "changed policy prod-high-needs-lead, risk " in said
        assert "second approved release" in said
        assert "is live" in await ailyus(world, "release", "apply")
        assert "approved by second" in await ailyus(world, "release", "history")
