"""`policy new`: write a policy with all that it needs to hold, and its test, into a workspace."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from contracts.errors import AilyusError
from contracts.text.document import read_document
from policies.approvers import may
from policies.budget import FILE as BUDGET_FILE
from policies.bundle import load_bundle
from policies.case import CaseFile, Who, load_tests
from policies.decider import Decider
from policies.principal import Person
from policies.release import Release
from policies.release_policy import FILE
from policies.rule_templates import RULES, with_budget, write_rule
from policies.templates import (
    approve_cases_of,
    approve_permit_of,
    permit_of,
    permit_test_of,
    write_template,
)
from policies.testing import run_tests
from server.workspace.policy_outcome import plain_case, plain_outcome
from server.workspace.schemas import without_line, write_file
from server.workspace.workspace import Workspace

RELEASE_APPROVAL = "release-approval"
"""The template that is about releases and not about a contract."""
BUNDLED_ROLE = "SecurityLead"
"""The role that the bundled policies about releases ask for."""

_ANYBODY = Person("person", "", "person", "acme", frozenset())


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """What somebody asks for: a template, the contract it is about, the role in it, and who asks for the action.

    `values` are what the template of a rule takes besides.
    """

    template: str
    action: str
    role: str
    asker: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def write_policy(workspace: Workspace, wanted: PolicyRequest) -> list[str]:
    """Write the files; returns what was written, repaired and is left to do. Or raises `AilyusError`."""
    release = workspace.release()
    folder = workspace.root / "policies"
    if wanted.template == RELEASE_APPROVAL:
        return _write_release_policies(workspace.root, release, wanted.role)
    _require_declared(release, wanted)
    name = f"{wanted.action.replace('_', '-')}-{wanted.template}"
    if (folder / f"{name}.cedar").exists():
        raise AilyusError("bad_policy", f"`{name}.cedar` exists already", hint="edit it")
    # the files of the workspace as they are, not those of the live release
    before = _texts(release)
    policy, test, said = _parts(release, wanted)
    # compiled with all others before a byte is written: a draft never leaves a workspace that does not load
    budgets = with_budget(wanted.template, wanted.action, wanted.values, before.get(BUDGET_FILE, ""))
    declared = {BUDGET_FILE: budgets} if budgets else {}
    decider = _decider(release, {**before, **declared, f"{name}.cedar": policy})
    if wanted.template in RULES:
        _require_met(decider, release, test)
    if wanted.template == "permit":
        outcome = _expected(decider, release, wanted.action, wanted.role)
        test = permit_test_of(wanted.action, wanted.role, outcome)
        if outcome != "permitted":
            said.append(_left(wanted, outcome))
    if budgets != before.get(BUDGET_FILE, ""):
        write_file(workspace.root, folder / BUDGET_FILE, budgets)
        said.append(f"declared the budget in policies/{BUDGET_FILE}")
    (folder / f"{name}.cedar").write_text(policy)
    write_file(workspace.root, folder / f"{name}.test.yaml", test)
    said.insert(0, f"wrote policies/{name}.cedar and policies/{name}.test.yaml; run `ailyus policy test`")
    return [*said, *_repaired(workspace.root, release, decider, wanted)]


def _write_release_policies(root: Path, release: Release, role: str) -> list[str]:
    _require_role(release, role)
    if FILE in release.decider.bundle.texts:
        raise AilyusError("bad_policy", f"`{FILE}` exists already", hint="edit it")
    library = files("policies").joinpath("library")
    policy, test = (library.joinpath(name).read_text() for name in (FILE, FILE.replace(".cedar", ".test.yaml")))
    policy, test = policy.replace(BUNDLED_ROLE, role), test.replace(BUNDLED_ROLE, role)
    _decider(release, {**_texts(release), FILE: policy})
    (root / "policies" / FILE).write_text(policy)
    write_file(root, root / "policies" / FILE.replace(".cedar", ".test.yaml"), test)
    return [f"wrote policies/{FILE} and its test; it holds for what is released after it"]


def _require_role(release: Release, role: str) -> None:
    if role not in release.decider.bundle.roles:
        raise AilyusError("bad_policy", f"the role `{role}` is not declared", hint="see `roles` in ailyus.toml")


def _require_declared(release: Release, wanted: PolicyRequest) -> None:
    if wanted.action not in release.catalog.programs:
        raise AilyusError("bad_policy", f"there is no contract `{wanted.action}`", hint="name one with --action")
    for role in (wanted.role, *([wanted.asker] if wanted.asker else [])):
        _require_role(release, role)


def _parts(release: Release, wanted: PolicyRequest) -> tuple[str, str, list[str]]:
    """The policy and its test; of `require-approval` with the permits to ask and to approve that are missing."""
    asker, may_ask = _asker(release, wanted)
    if wanted.template in RULES:
        return *write_rule(wanted.template, wanted.action, wanted.role, asker, wanted.values), []
    if wanted.values:
        raise AilyusError("bad_policy", f"`{wanted.template}` takes no values", hint="leave out `--with`")
    policy, test = write_template(wanted.template, wanted.action, wanted.role, asker)
    if wanted.template != "require-approval":
        return policy, test, []
    said = []
    if not may_ask:
        policy += "\n" + permit_of(wanted.action, asker)
        said.append(f"nobody was permitted to ask for `{wanted.action}`: it permits the role {asker} to")
    if not _may_approve(release, wanted.action, wanted.role):
        policy += "\n" + approve_permit_of(wanted.action, wanted.role)
        said.append(f"nobody was permitted to approve it: it permits the role {wanted.role} to")
    decider = _decider(release, {**_texts(release), "new.cedar": policy})
    outcome = plain_outcome(decider, release.catalog.programs, wanted.action, asker)
    if not outcome.need:
        raise AilyusError(
            "bad_policy", f"`{wanted.action}` would still be decided by {outcome.deciding}", hint="change that policy"
        )
    test = re.sub(r"need: \{.*\}", f"need: {outcome.need}", test)
    return policy, test + approve_cases_of(wanted.action, wanted.role, asker, outcome.need), said


def _require_met(decider: Decider, release: Release, test: str) -> None:
    """Raise `AilyusError` where a rule does not hold by its own test, under all the other policies."""
    cases = CaseFile.model_validate(read_document(test)[1]).tests
    for result in run_tests(decider, release.catalog.programs, cases):
        if result.failure:
            hint = "permit it first (`ailyus policy new permit`), or change the policy that decides"
            raise AilyusError("bad_policy", f"the rule would change nothing: {result.failure}", hint=hint)


def _asker(release: Release, wanted: PolicyRequest) -> tuple[str, bool]:
    """A role that asks for the action, and whether it may: the one that is named, one that may, or a first one."""
    declared = sorted(release.decider.bundle.roles, key=lambda role: (role == wanted.role, role))
    roles = [wanted.asker] if wanted.asker else declared
    # the role that approves comes last: it would ask for what it approves
    for role in roles:
        if may(release.decider.bundle, _ANYBODY, (role,), wanted.action):
            return role, True
    return roles[0], False


def _may_approve(release: Release, action: str, role: str) -> bool:
    case = plain_case(action, role).model_copy(
        update={"approver": Who(roles=(role,)), "role": role, "expect": "may_approve"}
    )
    (result,) = run_tests(release.decider, release.catalog.programs, [case])
    return not result.failure


def _texts(release: Release) -> dict[str, str]:
    return dict(release.decider.bundle.texts)


def _decider(release: Release, texts: dict[str, str]) -> Decider:
    bundle, programs = release.decider.bundle, release.catalog.programs
    return Decider(load_bundle(texts, programs, bundle.roles, bundle.environments), programs)


def _expected(decider: Decider, release: Release, action: str, role: str) -> str:
    return plain_outcome(decider, release.catalog.programs, action, role).expected


def _left(wanted: PolicyRequest, outcome: str) -> str:
    if outcome.startswith("approval_required"):
        return f"`{wanted.action}` needs approvals, by a policy that is there already"
    return f"it is denied until a guard asks: `ailyus policy new require-approval --action {wanted.action}`"


def _repaired(root: Path, release: Release, decider: Decider, wanted: PolicyRequest) -> list[str]:
    """Tests that passed before, and do not now: what was generated is written anew, all else is named."""
    said = []
    folder = root / "policies"
    programs = release.catalog.programs
    for file, case in load_tests(folder):
        if case.action != wanted.action:
            continue
        former, now = run_tests(release.decider, programs, [case])[0], run_tests(decider, programs, [case])[0]
        if former.failure or not now.failure:  # what failed before is somebody's work in progress
            continue
        path = next(folder.rglob(file))
        role = case.person.roles[0] if case.person.roles else ""
        # byte for byte what was generated: nobody has made it theirs
        if role and without_line(path.read_text()) == permit_test_of(
            wanted.action, role, _expected(release.decider, release, wanted.action, role)
        ):
            text = permit_test_of(wanted.action, role, _expected(decider, release, wanted.action, role))
            write_file(root, path, text)
            said.append(f"repaired policies/{path.relative_to(folder)}: `{case.name}` is decided otherwise now")
        else:
            said.append(f"change policies/{path.relative_to(folder)}: `{case.name}`: {now.failure}")
    return said
