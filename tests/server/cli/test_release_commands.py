"""`ailyus release`: what it says of files that load, that do not, and that widen; exit codes for scripts."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from server.workspace.settings.file import FILE
from tests.forks import Forked
from tests.world import World, ailyus

EXTRA = '@id("never-at-nowhere")\nforbid (principal, action, resource) when { resource.tenant == "nowhere" };\n'
ASSIGN = "contracts/okta/assign_app_user.yaml"


def code(folder: Path, *arguments: str) -> int:
    with (folder / "said").open("wb") as file:
        return Forked(arguments, folder, file, file).wait(900)


async def changes(world: World, *arguments: str) -> list[dict[str, Any]]:
    said = await ailyus(world, "release", "diff", "--format", "json", *arguments, ok=False)
    return list(json.JSONDecoder().raw_decode(said)[0]["changes"])


async def test_exit_codes_tell_what_is_the_matter(world: World) -> None:
    root = world.workspace.root
    for command in ("diff", "check"):
        assert code(root, "release", command) == 0
    (root / "policies" / "extra.cedar").write_text(EXTRA)
    assert (code(root, "release", "diff"), code(root, "release", "check")) == (1, 0)
    (root / "policies" / "extra.cedar").write_text("permit (principal, action, resource);")
    assert (code(root, "release", "diff"), code(root, "release", "check")) == (2, 2)
    (root / "policies" / "extra.cedar").write_text('@id("all") permit (principal, action, resource);')
    assert (code(root, "release", "diff"), code(root, "release", "check")) == (1, 1)
    assert "policy tests fail" in (root / "said").read_text()


async def test_every_part_of_a_release_is_compared(world: World) -> None:
    root = world.workspace.root
    for file, old, new in (
        ("contracts/okta/_system.yaml", "userType == 'vip'", "userType == 'VIP'"),
        ("contracts/okta/unlock_user.yaml", "version: 2", "version: 3"),
        (FILE, 'roles = ["Support", "Operations"]', 'roles = ["Support", "Operations", "SecurityLead"]'),
        (FILE, '[release]\nroles = ["SecurityLead"]', '[release]\nroles = ["SecurityLead", "Support"]'),
        (FILE, "development = true", "development = true\nchange_freeze = true"),
    ):
        text = (root / file).read_text()
        assert old in text, file
        (root / file).write_text(text.replace(old, new))
    with (root / "policies" / "approvals.test.yaml").open("a") as tests:
        tests.write("# more\n")
    (root / "policies" / "extra.cedar").write_text(EXTRA)
    found = {(c["noun"], c["name"], c["event"], c["widens"]) for c in await changes(world)}
    assert found == {
        ("contract", "unlock_user", "changed", "no"),
        ("system", "okta", "changed", "maybe"),
        ("policy", "never-at-nowhere", "added", "no"),
        ("tests", "policies/approvals.test.yaml", "changed", "no"),
        ("person", "requester", "changed", "yes"),
        ("setting", "releasers", "changed", "yes"),
        ("setting", "change_freeze", "changed", "no"),
    }


async def test_another_folder_is_a_candidate_for_the_workspaces_people_and_connections(
    world: World, tmp_path: Path
) -> None:
    root, former, other = world.workspace.root, world.app.runner.release.digest, tmp_path / "candidate"
    for name in ("contracts", "policies"):
        shutil.copytree(root / name, other / name)
    (other / "policies" / "extra.cedar").write_text(EXTRA)
    assert [c["name"] for c in await changes(world, "--candidate", str(other))] == ["never-at-nowhere"]
    assert "lead is live" in await ailyus(world, "release", "apply", "--as", "lead", "--candidate", str(other))
    assert world.app.runner.release.digest != former
    assert world.app.runner.release.people.get("lead") is not None
    # the workspace's own files are the former ones: they would take it away again
    assert [(c["name"], c["event"]) for c in await changes(world)] == [("never-at-nowhere", "removed")]
    shutil.copy(root / FILE, other / FILE)
    (other / FILE).write_text((other / FILE).read_text().replace('origin = "', 'origin = "x'))
    assert "the candidate is for" in await ailyus(world, "release", "check", "--candidate", str(other), ok=False)


async def test_what_widens_is_named_and_needs_a_word(world: World) -> None:
    path, former = world.workspace.root / ASSIGN, world.app.runner.release.digest
    path.write_text(path.read_text().replace("tags: [identity, incident]", "tags: [identity]"))
    assert "wider: the contract `assign_app_user`" in await ailyus(world, "release", "diff", ok=False)
    for command in (("check",), ("apply", "--as", "lead"), ("apply",)):
        assert "--allow-wider" in await ailyus(world, "release", *command, ok=False)
        assert world.app.runner.release.digest == former
    # with the word, the next thing that holds it back is a test of the policies; nobody tests what nobody signs
    said = await ailyus(world, "release", "apply", "--as", "lead", "--allow-wider", ok=False)
    assert "policy tests fail" in said
    assert "is live" in await ailyus(world, "release", "apply", "--allow-wider")
    assert world.app.runner.release.digest != former


async def test_a_signature_beside_the_files_is_applied_and_one_of_other_files_is_not(world: World) -> None:
    root = world.workspace.root
    (root / "policies" / "extra.cedar").write_text(EXTRA)
    await ailyus(world, "release", "sign", "--as", "lead")
    (root / "policies" / "extra.cedar").write_text(EXTRA.replace("nowhere", "nowhere-else"))
    assert "about other files" in await ailyus(world, "release", "apply", ok=False)
    (root / "policies" / "extra.cedar").write_text(EXTRA)
    assert "by lead is live" in await ailyus(world, "release", "apply")
    assert "by lead was live already" in await ailyus(world, "release", "apply")
    assert (world.app.runner.release.author, world.app.runner.release.governed) == ("lead", True)


async def test_what_is_unsigned_is_taken_in_a_development_workspace_and_receipts_say_so(world: World) -> None:
    (world.workspace.root / "policies" / "extra.cedar").write_text(EXTRA)
    assert "is live, receipts say `governed: false`" in await ailyus(world, "release", "apply")
    assert not world.app.runner.release.governed


async def test_only_who_may_release_applies_and_takes_back(world: World) -> None:
    former = world.app.runner.release.digest
    (world.workspace.root / "policies" / "extra.cedar").write_text(EXTRA)
    assert "may not release" in await ailyus(world, "release", "apply", "--as", "requester", ok=False)
    assert "there is no former release" in await ailyus(world, "release", "rollback", "--as", "lead", ok=False)
    await ailyus(world, "release", "apply", "--as", "lead")
    assert "may not release" in await ailyus(world, "release", "rollback", "--as", "requester", ok=False)
    assert "no release begins with `zz`" in await ailyus(world, "release", "rollback", "zz", "--as", "lead", ok=False)
    assert world.app.runner.release.digest != former
    await ailyus(world, "release", "rollback", former[:9], "--as", "lead")
    assert world.app.runner.release.digest == former


@pytest.mark.parametrize("command", [("history",), ("rollback", "--as", "lead")])
def test_where_nothing_is_released_it_says_so(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert code(tmp_path, "init", "w") == 0
    code(tmp_path / "w", "release", *command)
    said = (tmp_path / "w" / "said").read_text()
    assert "nothing is released yet" in said or "there is no store yet" in said
