"""Mistakes that admins plant in a workspace as `init` writes it: each is stopped before it is released.

Each was silent, or stopped for a wrong reason, until it had its place here. What is about a contract that changes
against the live release is in tests/server/workspace/test_widening.py.
"""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.release_checks import require_sound, require_tested
from server.workspace.settings.file import FILE
from server.workspace.templates import TEMPLATES, init_sandbox
from server.workspace.workspace import Workspace
from tests.policies.edits import APPROVALS, BASE, OWN, Edit, swap, without, write


def case(**fields: str) -> str:
    lines = [f"    {name}: {value}" for name, value in fields.items()]
    return "\n".join(["tests:", "  - name: planted", *lines, ""])


GUARD = '@id("own") forbid (principal, action == Action::"suspend_user", resource) '
LEAD = "unless { context.approvals.SecurityLead >= 1 && context.approvals.oldestSeconds <= 900 }"

PLANTED: dict[str, tuple[Edit, str]] = {
    "the environment `production`": (
        swap(FILE, 'environment = "prod"', 'environment = "production"'),
        "which is not declared",
    ),
    "the environment of one connection": (
        lambda root: (root / FILE).write_text((root / FILE).read_text().replace('"prod"\nscheme', '"Prod"\nscheme', 1)),
        "the environment `Prod`, which is not declared",
    ),
    "the guard asks for zero": (swap(APPROVALS, "SecurityLead >= 1 &&", "SecurityLead >= 0 &&"), "asks nobody"),
    "the guard asks for an age alone": (
        swap(APPROVALS, "context.approvals.SecurityLead >= 1 && ", ""),
        "`prod-high-needs-lead` asks nobody",
    ),
    "an own guard asks for zero": (write(OWN, GUARD + "unless { context.approvals.SecurityLead >= 0 };"), "asks nobody"),
    "an own guard counts what is always so": (
        write(OWN, GUARD + "unless { context.approvals.SecurityLead >= 1 || context.rate.lastHour >= 0 };"),
        "asks nobody",
    ),
    "milliseconds in the guard": (swap(APPROVALS, "<= 900 ", "<= 900000 "), "takes approvals of any age"),
    "milliseconds in an own guard": (write(OWN, GUARD + LEAD.replace("900", "900000") + ";"), "approvals of any age"),
    "a guard for a person who does not exist": (
        write(OWN, GUARD.replace("principal,", 'principal == Person::"marai",') + LEAD + ";"),
        "who is no declared person",
    ),
    "approvals by a role that nobody holds": (
        lambda root: (
            swap(FILE, '"SecurityLead"]\nenvironments', '"SecurityLead", "Director"]\nenvironments')(root),
            write(OWN, GUARD + "unless { context.approvals.Director >= 1 };")(root),
        )[0],
        "nobody in `acme` holds the role `Director`",
    ),
    "more leads than there are": (
        write(OWN, GUARD + "unless { context.approvals.SecurityLead >= 3 };"),
        "3 SecurityLead are needed, and only lead, second-lead may approve",
    ),
    "a role that no policy lets approve": (
        without(APPROVALS, "leads-may-approve"),
        "no policy permits `approve:add_okta_group_member` in the role `SecurityLead`",
    ),
    "the only approver is who asks": (
        lambda root: (
            swap(FILE, 'roles = ["Support", "Operations"]', 'roles = ["Support", "Operations", "SecurityLead"]')(root),
            swap(FILE, 'tenant = "acme"\nroles = ["SecurityLead"]', 'tenant = "acme"\nroles = []')(root),
            without(APPROVALS, "vip-needs-two-leads")(root),
        )[0],
        "too few people are left beside whoever asks",
    ),
    "an empty file of tests": (write("policies/own.test.yaml", "tests: []\n"), "`tests` is an empty list"),
    "a file of tests by another name": (
        write("policies/own.tests.yaml", case(action="unlock_user", expect="denied")),
        "does not end in `.test.yaml`",
    ),
    "a misspelt role in a test": (
        write("policies/own.test.yaml", case(action="unlock_user", agent="{roles: [Suport]}", expect="denied")),
        "there is no role `Suport`",
    ),
    "a misspelt environment in a test": (
        write("policies/own.test.yaml", case(action="unlock_user", resource="{environment: prdo}", expect="denied")),
        "there is no environment `prdo`",
    ),
    "a misspelt attribute in a test": (
        write("policies/own.test.yaml", case(action="unlock_user", resource="{attributes: {vpi: true}}", expect="denied")),
        "there is no attribute of OktaUser `vpi`",
    ),
    "a wall in a file that is not read": (write("policies/own.Cedar", GUARD + ";"), "no policies are read from it"),
    "the guard is deleted": (without(APPROVALS, "prod-high-needs-lead"), "tests of the policies fail"),
    "the guard is a comment": (swap(APPROVALS, '@id("prod-high', '// @id("prod-high'), "no plain `@id`"),
    "the guard is about critical": (
        swap(APPROVALS, '"risk_at_least_high", resource)\nwhen { resource.env', '"risk_at_least_critical", resource)\nwhen { resource.env'),
        "tests of the policies fail",
    ),
    "the walls are lost": (lambda root: (root / BASE).unlink(), "tests of the policies fail"),
    "the tenant wall is lost": (without(BASE, "tenant-wall"), "there is no policy `tenant-wall`"),
    "the last resort is lost, and so is the guard": (
        lambda root: (without(BASE, "high-risk-needs-a-guard")(root), without(APPROVALS, "prod-high-needs-lead")(root))[0],
        "nothing of risk high is done unasked",
    ),
    "every test is lost": (
        lambda root: [path.unlink() for path in (root / "policies").glob("*.test.yaml")] and None,
        "there are no policy tests",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_stopped(name: str, tmp_path: Path) -> None:
    edit, words = PLANTED[name]
    init_sandbox(tmp_path / "w")
    edit(tmp_path / "w")
    with pytest.raises(AilyusError) as caught:
        checked(tmp_path / "w")
    assert words in str(caught.value)


def checked(root: Path) -> list[str]:
    """What `policy check` does."""
    workspace = Workspace.open(root)
    release = workspace.release()
    said = require_sound(workspace, release)
    require_tested(workspace, release)
    return said


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_init_writes_is_sound_and_brings_the_tests_of_its_walls(template: str, tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w", template)
    assert checked(tmp_path / "w") == []
    assert (tmp_path / "w" / "policies" / "base.test.yaml").exists()
