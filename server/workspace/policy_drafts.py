"""`policy new`: write a policy with all that it needs to hold, and its test, into a workspace."""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from contracts.errors import AilyusError
from policies.approvers import may
from policies.bundle import load_bundle
from policies.case import Case, Who, load_tests
from policies.decider import Decider
from policies.decision import ApprovalRequired, Denied, Permitted
from policies.release import Release
from policies.release_policy import FILE
from policies.templates import (
    approve_cases_of,
    approve_permit_of,
    permit_of,
    permit_test_of,
    write_template,
)
from policies.testing import evaluate, run_tests
from server.workspace.schemas import without_line, write_file
from server.workspace.workspace import Workspace

RELEASE_APPROVAL = "release-approval"
"""The template that is about releases and not about a contract."""
BUNDLED_ROLE = "SecurityLead"
"""The role that the bundled policies about releases ask for."""


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """What somebody asks for: a template, the contract it is about, the role in it, and who asks for the action."""

    template: str
    action: str
    role: str
    asker: str = ""


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
    before = _texts(release)
    policy, test, said = _parts(release, wanted)
    # compiled with all others before a byte is written: a draft never leaves a workspace that does not load
    decider = _decider(release, {**before, f"{name}.cedar": policy})
    if wanted.template == "permit":
        outcome = _outcome(decider, release, wanted.action, wanted.role)
        test = permit_test_of(wanted.action, wanted.role, outcome)
        if outcome != "permitted":
            said.append(_left(wanted, outcome))
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
    decision = evaluate(decider, release.catalog.programs, _case(wanted.action, asker))
    if not isinstance(decision, ApprovalRequired):
        decided = _deciding(decision)
        raise AilyusError(
            "bad_policy", f"`{wanted.action}` would still be decided by {decided}", hint="change that policy"
        )
    test = re.sub(r"need: \{.*\}", f"need: {_need(decision)}", test)
    return policy, test + approve_cases_of(wanted.action, wanted.role, asker, _need(decision)), said


def _asker(release: Release, wanted: PolicyRequest) -> tuple[str, bool]:
    """A role that asks for the action, and whether it may: the one that is named, one that may, or a first one."""
    declared = sorted(release.decider.bundle.roles, key=lambda role: (role == wanted.role, role))
    roles = [wanted.asker] if wanted.asker else declared
    for role in roles:
        if may(release.decider.bundle, "person", "acme", (role,), wanted.action):
            return role, True
    return roles[0], False


def _may_approve(release: Release, action: str, role: str) -> bool:
    case = _case(action, role).model_copy(
        update={"approver": Who(roles=(role,)), "role": role, "expect": "may_approve"}
    )
    (result,) = run_tests(release.decider, release.catalog.programs, [case])
    return not result.failure


def _case(action: str, role: str) -> Case:
    return Case(name="new", action=action, agent=Who(roles=(role,)), person=Who(roles=(role,)), expect="permitted")


def _texts(release: Release) -> dict[str, str]:
    return dict(release.decider.bundle.texts)


def _decider(release: Release, texts: dict[str, str]) -> Decider:
    bundle, programs = release.decider.bundle, release.catalog.programs
    return Decider(load_bundle(texts, programs, bundle.roles, bundle.environments), programs)


def _outcome(decider: Decider, release: Release, action: str, role: str) -> str:
    """What comes of it now, as a test writes it."""
    decision = evaluate(decider, release.catalog.programs, _case(action, role))
    match decision:
        case Permitted():
            return "permitted"
        case ApprovalRequired():
            return f"approval_required\n    need: {_need(decision)}"
        case _:
            return f"denied\n    because: [{_deciding(decision)}]"


def _need(decision: ApprovalRequired) -> str:
    return "{" + ", ".join(f"{role}: {n}" for role, n in decision.needs[0]) + "}"


def _deciding(decision: Permitted | Denied | ApprovalRequired) -> str:
    policies = decision.record.policies if decision.record else {}
    return ", ".join(sorted({name for names in policies.values() for name in names}))


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
            wanted.action, role, _outcome(release.decider, release, wanted.action, role)
        ):
            text = permit_test_of(wanted.action, role, _outcome(decider, release, wanted.action, role))
            write_file(root, path, text)
            said.append(f"repaired policies/{path.relative_to(folder)}: `{case.name}` is decided otherwise now")
        else:
            said.append(f"change policies/{path.relative_to(folder)}: `{case.name}`: {now.failure}")
    return said
