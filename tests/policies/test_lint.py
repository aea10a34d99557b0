"""Valid policies that decide nothing, or otherwise than they read, are named with their line."""

from dataclasses import replace
from pathlib import Path

import pytest

from policies.contradiction import contradiction_of
from policies.lint import forbids_of, lint
from policies.policy_finding import PolicyFinding
from policies.release import Release
from server.workspace.policy_lint import lint_of
from server.workspace.templates import TEMPLATES, init_sandbox
from server.workspace.workspace import Workspace
from tests.policies.edits import OWN, write
from tests.policies.making import clauses

UNLOCK = 'action == Action::"unlock_user"'
POLICIES = {
    "staging": (
        'forbid (principal, action, resource) when { resource.environment == Environment::"staging" };',
        "dead",
    ),
    "two environments": (
        'forbid (principal, action, resource) when { resource.environment == Environment::"prod" && '
        'resource.environment != Environment::"prod" };',
        "dead",
    ),
    "above and below": (
        f"forbid (principal, {UNLOCK}, resource) when {{ context.rate.lastHour > 9 }} "
        "unless { context.rate.lastHour >= 5 };",
        "dead",
    ),
    "the highest risk": ('forbid (principal, action in Action::"risk_at_least_critical", resource);', ""),
    "the same again": (
        'forbid (principal, action in [Action::"unlock_user"], resource) when { context.repeat > 3 };\n@id("again")'
        f"forbid (principal, {UNLOCK}, resource) when {{ context.repeat > 3 }};",
        "duplicate",
    ),
    "less than another": (
        f'permit (principal in Role::"Support", {UNLOCK}, resource);\n@id("less")'
        f'permit (principal in Role::"Support", {UNLOCK}, resource) when {{ context.repeat < 3 }};',
        "shadowed",
    ),
    "a permit behind a wall": (
        f"forbid (principal is Agent, {UNLOCK}, resource);\n@id('behind')".replace("'", '"')
        + f'permit (principal == Agent::"a", {UNLOCK}, resource) when {{ context.repeat < 3 }};',
        "shadowed",
    ),
    "an agent": (f'permit (principal == Agent::"suport-bot", {UNLOCK}, resource);', "unknown"),
    "a person": (f'permit (principal == Person::"secnd-lead", {UNLOCK}, resource);', "unknown"),
    "a tenant": (f'forbid (principal, {UNLOCK}, resource) when {{ resource.tenant == "acne" }};', "unknown"),
    "milliseconds": (
        f"forbid (principal, {UNLOCK}, resource) unless {{ context.approvals.SecurityLead >= 1 && "
        "context.approvals.oldestSeconds <= 60000 };",
        "units",
    ),
    "two hours": (
        f"forbid (principal, {UNLOCK}, resource) unless {{ context.approvals.SecurityLead >= 1 && "
        "context.approvals.oldestSeconds <= 72000 };",
        "",
    ),
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("lint") / "w"
    init_sandbox(root)
    return Workspace.open(root)


def found_in(workspace: Workspace, text: str) -> list[PolicyFinding]:
    path = workspace.root / OWN
    path.write_text(f'// own\n@id("own") {text}')
    try:
        return lint(workspace.release(), ("support-bot",))
    finally:
        path.unlink()


@pytest.mark.parametrize("name", POLICIES)
def test_a_doubtful_policy_is_named(name: str, workspace: Workspace) -> None:
    text, rule = POLICIES[name]
    rules = {one.rule for one in found_in(workspace, text) if one.position and one.position.file == "own.cedar"}
    assert rule in rules if rule else not rules, rules


def test_the_hint_is_the_nearest_name_and_the_place_the_word(workspace: Workspace) -> None:
    (one,) = [f for f in found_in(workspace, POLICIES["an agent"][0]) if f.rule == "unknown"]
    assert one.hint == "did you mean `support-bot`?"
    assert str(one.position) == "own.cedar:2:40"


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_init_writes_raises_no_warning(template: str, tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w", template)
    space = Workspace.open(tmp_path / "w")
    found = lint_of(space, space.release())
    assert [one for one in found if one.level != "note"] == []
    # its walls wait for the first contract
    assert bool(found) is (template == "back-office"), found


def test_walls_and_guards_are_told_apart(workspace: Workspace) -> None:
    release: Release = replace(workspace.release())
    forbids = forbids_of(release.decider.bundle)
    assert "tenant-wall" in forbids.walls
    assert "prod-high-needs-lead" in forbids.guards
    assert not set(forbids.walls) & set(forbids.guards)


@pytest.mark.parametrize("file", ["policies/own.cedar.off", "policies/own", "policies.d/own.cedar"])
def test_a_file_of_policies_that_nobody_reads_is_named(file: str, tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w")
    (tmp_path / "w" / file).parent.mkdir(exist_ok=True)
    write(file, '@id("wall")\nforbid (principal, action, resource);')(tmp_path / "w")
    space = Workspace.open(tmp_path / "w")
    assert [f"{one.rule} {one.position}" for one in lint_of(space, space.release())] == [f"unread {file}:1:1"]


@pytest.mark.parametrize(
    ("conditions", "attribute"),
    [
        ("when { context.a == 1 && context.a == 2 }", "context.a"),
        ("when { context.a } unless { context.b || context.a }", "context.a"),
        ("when { 3 < context.a && !(context.a > 3) }", "context.a"),
        ('when { resource.x == "a" && resource.x == "a" }', ""),
        ("when { context.a == 1 || context.a == 2 }", ""),
        ("when { context.a >= 1 && context.a <= 1 }", ""),
        ("unless { context.a == 1 && context.a == 2 }", ""),
    ],
)
def test_a_contradiction_is_found_where_no_value_is_left(conditions: str, attribute: str) -> None:
    assert contradiction_of(clauses(conditions)) == attribute
