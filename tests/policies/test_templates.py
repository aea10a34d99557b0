"""Every template gives a policy that is valid and a test of it that passes."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.bundle import load_bundle
from policies.case import load_tests
from policies.decider import Decider
from policies.templates import TEMPLATES, write_template
from policies.testing import run_tests
from server.workspace.policy_drafts import PolicyRequest, write_policy
from server.workspace.release_checks import require_sound, require_tested
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace
from tests.policies.library import LIBRARY
from tests.policies.making import PROGRAMS

ROLES = ("Support", "Operations", "SecurityLead")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_and_its_test(tmp_path: Path, name: str) -> None:
    role = "Support" if name == "read-only-agent" else "SecurityLead"
    policy, test = write_template(name, "unlock_user", role)
    (tmp_path / "new.test.yaml").write_text(test)
    texts = {p.name: p.read_text() for p in LIBRARY.glob("*.cedar")} | {"new.cedar": policy}
    decider = Decider(load_bundle(texts, PROGRAMS, ROLES, ("prod", "staging")), PROGRAMS)
    results = run_tests(decider, PROGRAMS, [case for _, case in load_tests(tmp_path)])
    assert [r.failure for r in results] == [""]


def test_require_approval_writes_all_three_parts(tmp_path: Path) -> None:
    """Without any permit for the action: who may ask, who must approve, who may approve, and their tests."""
    init_sandbox(tmp_path / "w")
    for name in ("support", "groups", "operations", "approvals"):
        (tmp_path / "w" / "policies" / f"{name}.cedar").unlink()
        (tmp_path / "w" / "policies" / f"{name}.test.yaml").unlink()
    workspace = Workspace.open(tmp_path / "w")
    said = write_policy(workspace, PolicyRequest("require-approval", "unlock_user", "SecurityLead", "Support"))
    policy = (tmp_path / "w" / "policies" / "unlock-user-require-approval.cedar").read_text()
    for name in ("support-may-unlock-user", "unlock-user-needs-securitylead", "securitylead-may-approve-unlock-user"):
        assert f'@id("{name}")' in policy
    assert len(said) == 3
    release = workspace.release()
    require_sound(workspace, release)
    require_tested(workspace, release)
    with pytest.raises(AilyusError, match="exists already"):
        write_policy(workspace, PolicyRequest("require-approval", "unlock_user", "SecurityLead", "Support"))


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w")
    workspace = Workspace.open(tmp_path / "w")
    said = write_policy(workspace, PolicyRequest("require-approval", "unlock_user", "SecurityLead"))
    policy = (tmp_path / "w" / "policies" / "unlock-user-require-approval.cedar").read_text()
    assert policy.count("@id") == 1
    # a test of a person's own is not rewritten, but named
    assert [line for line in said if line.startswith("change policies/support.test.yaml: `support may unlock`")]


def test_a_template_that_cannot_help_writes_nothing(tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w")
    wall = '@id("never") forbid (principal, action == Action::"unlock_user", resource);'
    (tmp_path / "w" / "policies" / "never.cedar").write_text(wall)
    with pytest.raises(AilyusError, match="would still be decided by never"):
        write_policy(Workspace.open(tmp_path / "w"), PolicyRequest("require-approval", "unlock_user", "SecurityLead"))
    assert not (tmp_path / "w" / "policies" / "unlock-user-require-approval.cedar").exists()


def test_a_rule_that_changes_nothing_is_not_written(tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w")
    workspace = Workspace.open(tmp_path / "w")
    said = write_policy(workspace, PolicyRequest("limit-per-day", "unlock_user", "SecurityLead", values={"limit": "7"}))
    assert said[0].startswith("wrote policies/unlock-user-limit-per-day.cedar")
    require_tested(workspace, workspace.release())
    # what a guard holds back all the same, no other permit lets through
    with pytest.raises(AilyusError, match="would change nothing"):
        write_policy(workspace, PolicyRequest("free-in", "reset_user_mfa", "SecurityLead"))
    assert not (tmp_path / "w" / "policies" / "reset-user-mfa-free-in.cedar").exists()
