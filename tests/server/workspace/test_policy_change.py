"""A change of policies is compared with a folder, a commit or what is live."""

import json
import subprocess
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.candidate_folder import candidate_folder
from server.workspace.policy_change import change_of
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace
from tests.policies.edits import OWN, write
from tests.world import cli

PERMIT = '@id("own") permit (principal in Role::"SecurityLead", action == Action::"unlock_user", resource);'


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)  # noqa: S607 # of the machine


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that is a part of a repository, with one commit and one more policy since."""
    root = tmp_path_factory.mktemp("change")
    init_sandbox(root / "part" / "w")
    git(root, "init", "-q")
    git(root, "add", "part/w/contracts", "part/w/policies", "part/w/ailyus.toml")
    git(root, "commit", "-q", "-m", "begin")
    write(OWN, PERMIT)(root / "part" / "w")
    return Workspace.open(root / "part" / "w")


def test_a_commit_is_compared_with_the_files(workspace: Workspace) -> None:
    change = change_of(workspace, None, "HEAD")
    assert [(part.event, part.noun, part.name) for part in change.parts] == [("added", "policy", "own")]
    assert {(one.who, one.action, one.before.says, one.after.says) for one in change.outcomes.changes} == {
        ("SecurityLead", "unlock_user", "denied", "permitted")
    }, change.outcomes.changes
    assert [bool(change.wider(allowed)) for allowed in ((), {"own"}, {"unlock_user"})] == [True, False, False]
    found = {(one.level, str(one.position)) for one in change.findings(())}
    assert found == {("error", "policies/own.cedar:1:1")}
    assert {one.level for one in change.findings({"own"})} == {"note"}


def test_the_other_way_round_it_is_narrower(workspace: Workspace) -> None:
    change = change_of(workspace, "HEAD", str(workspace.root))
    assert {one.widens for one in change.outcomes.changes} == {False}
    assert change.wider(()) == []


def test_the_command_line_fails_where_it_is_wider_and_writes_sarif(workspace: Workspace) -> None:
    said = cli("policy", "diff", "--against", "HEAD", "--format", "sarif", cwd=workspace.root, ok=False)
    results = json.loads(said)["runs"][0]["results"]
    assert {(one["ruleId"], one["level"]) for one in results} == {("wider", "error")}
    texts = " ".join(one["message"]["text"] for one in results)
    assert "SecurityLead may unlock_user of OktaUser in prod: denied → permitted" in texts


def test_what_is_neither_a_folder_nor_a_commit_is_named(workspace: Workspace) -> None:
    for named in ("no-such-commit", "--output=/tmp/x"):
        with pytest.raises(AilyusError, match="neither a folder nor a commit"):
            with candidate_folder(workspace.root, named):
                pass
    with pytest.raises(AilyusError, match="nothing is released yet"):
        change_of(workspace, None, None)
