"""Commands about Cedar policies: whether it may be done."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from server.cli import policy_proof
from server.cli.answer import Answer, group, verb
from server.cli.exit_code import DONE, FAILED, INVALID, REFUSED, WIDER
from server.cli.finding_report import ReportFormat, ReportOption, report_lines
from server.cli.options import AllowWiderOption, NameArgument
from server.cli.output import fail, note
from server.cli.policy_change_commands import diff_policies, simulate_policies
from server.cli.policy_format_command import format_policies
from server.cli.policy_shadow_command import shadow_policies
from server.cli.policy_suggest_command import suggest_policies
from server.cli.policy_test_commands import BundledOption, test_policies
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from policies.policy_finding import PolicyFinding

_EXITS = {"sound": DONE, "findings": REFUSED, "invalid": INVALID, "tests": FAILED, "wider": WIDER}
policy = group("Cedar policies: whether it may be done.")


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """One finding: its rule, its level (`error`, `warning`, `note`), where it stands, and what to do."""

    rule: str
    level: str
    says: str
    hint: str
    file: str | None
    line: int | None
    column: int | None

    @classmethod
    def of(cls, found: "PolicyFinding") -> "PolicyFault":
        """The same for programs."""
        at = found.position
        place = (at.file, at.line, at.column) if at else (None, None, None)
        return cls(found.rule, found.level, found.says, found.hint, *place)


@dataclass(frozen=True, slots=True)
class CheckedPolicies:
    """What was read, what is wrong with it, and what people must know of it.

    `outcome`: `sound`, else what stops a release: `findings` (approvals that nobody can give), `invalid`, `tests` or
    `wider`.
    """

    files: int
    policies: int
    tests: int
    outcome: str
    findings: list[PolicyFault]
    says: list[str]


@dataclass(frozen=True, slots=True)
class LintedPolicies:
    """Doubtful policies; `walls` are the forbids that nothing lifts, `guards` those that approvals lift."""

    findings: list[PolicyFault]
    walls: list[str]
    guards: list[str]


@dataclass(frozen=True, slots=True)
class Explained:
    """What would be decided, in sentences."""

    action: str
    explanation: list[str]


@dataclass(frozen=True, slots=True)
class WrittenPolicy:
    """What was written, in sentences, or the file."""

    says: list[str]


@verb(policy, "check")
def check_policies(
    workspace: WorkspaceOption = ".",
    allow_wider: AllowWiderOption = False,
    format: ReportOption = ReportFormat.table,
) -> Answer[CheckedPolicies]:
    """Validate the policies, run their tests, and refuse what widens the live release or waits for nobody.

    Exit 1: approvals that nobody can give; 3: the files do not load; 4: a test fails; 5: wider than the live release.
    """
    from server.workspace.policy_review import review_of, texts_of

    space = open_workspace(workspace)
    found = review_of(space, allow_wider)
    for line in found.notes:
        note(line)
    code = _EXITS[found.outcome]
    read = f"{found.files} files, {found.policies} policies, {found.tests} tests"
    document = CheckedPolicies(
        found.files,
        found.policies,
        found.tests,
        found.outcome,
        [PolicyFault.of(one) for one in found.findings],
        list(found.notes),
    )
    says = [f"ok: {read}: the policies are valid, and their tests pass"] if code == DONE else []
    if format in (ReportFormat.sarif, ReportFormat.github):
        says = []
    return Answer(document, report_lines(found.findings, texts_of(space, found.findings), format, code), says, code)


@verb(policy, "lint")
def lint_policies(
    workspace: WorkspaceOption = ".", format: ReportOption = ReportFormat.table
) -> Answer[LintedPolicies]:
    """Name doubtful policies: dead, shadowed, duplicate, about nobody, in files that nobody reads; exit 1 if any.

    Exit 3: the files do not load, which `policy check` tells of.
    """
    from policies.lint import forbids_of
    from server.workspace.policy_lint import lint_of
    from server.workspace.policy_review import texts_of

    space = open_workspace(workspace)
    try:
        release = space.release()
    except AilyusError as error:
        fail(error, INVALID)
    found = lint_of(space, release)
    forbids = forbids_of(release.decider.bundle)
    code = REFUSED if any(one.level != "note" for one in found) else DONE
    document = LintedPolicies([PolicyFault.of(one) for one in found], list(forbids.walls), list(forbids.guards))
    says = [
        f"{len(found)} findings",
        f"walls, which nothing lifts: {', '.join(forbids.walls) or 'none'}",
        f"guards, which approvals lift: {', '.join(forbids.guards) or 'none'}",
    ]
    plain = format not in (ReportFormat.sarif, ReportFormat.github)
    return Answer(document, report_lines(found, texts_of(space, found), format, code), says if plain else (), code)


verb(policy, "test")(test_policies)
verb(policy, "format")(format_policies)


@verb(policy, "explain")
def explain_policy(
    name: NameArgument,
    agent_role: Annotated[list[str] | None, typer.Option(help="A role of the agent.")] = None,
    person_role: Annotated[list[str] | None, typer.Option(help="A role of the person it acts for.")] = None,
    tenant: Annotated[
        str | None, typer.Option(help="The resource's tenant; else the same as that of agent and person.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="The resource's environment; else `prod`, or the only one.")
    ] = None,
    attribute: Annotated[list[str] | None, typer.Option(help="name=value, for example vip=true")] = None,
    approval: Annotated[list[str] | None, typer.Option(help="role=count")] = None,
    workspace: WorkspaceOption = ".",
    bundled: BundledOption = False,
) -> Answer[Explained]:
    """What is decided, by which policies, for agent and person apart, and which single change would turn it?

    For a contract by its name and the options, or for what a receipt's decision was asked, by its id.
    """
    from contracts.text.document import read_document
    from contracts.text.source import MalformedSource
    from policies.case import Case, What, Who
    from policies.diagnosis import diagnosis_of
    from policies.explanation import explain
    from server.workspace.policy_set import policy_set_of

    if name.startswith("rcp_"):
        return _explained_receipt(workspace, name)
    found = policy_set_of(None if bundled else Path(workspace).resolve())
    decider, programs = found.decider, found.programs
    if name not in programs:
        hint = did_you_mean(name, programs, where="`ailyus contract list`")
        raise AilyusError("not_found", f"there is no contract `{name}`", hint=hint)
    own = _tenant(workspace, bundled)
    try:
        attributes = {k: read_document(v)[1] for k, _, v in (a.partition("=") for a in attribute or [])}
    except MalformedSource as error:
        raise AilyusError("bad_attribute", f"an attribute's value cannot be read: {error}", hint="quote it") from None
    pairs = [a.partition("=") for a in approval or []]
    if wrong := [f"{k}{sign}{v}" for k, sign, v in pairs if not v.isdigit()]:
        raise AilyusError("bad_attribute", f"`{wrong[0]}` says no number of approvals", hint="such as SecurityLead=1")
    counts = {k: int(v) for k, _, v in pairs}
    case = Case(
        name="explain",
        action=name,
        agent=Who(roles=tuple(agent_role or _role(decider.bundle.roles, "--agent-role")), tenant=own),
        person=Who(roles=tuple(person_role or _role(decider.bundle.roles, "--person-role")), tenant=own),
        resource=What(
            tenant=tenant or own,
            environment=environment or _environment(decider.bundle.environments),
            attributes=attributes,
        ),
        approvals=counts,
        expect="permitted",
    )
    told = diagnosis_of(decider, programs, case)
    lines = [*explain(told.decision), *told.lines]
    return Answer(Explained(name, lines), lines)


@verb(policy, "schema")
def policy_schema(workspace: WorkspaceOption = ".") -> Answer[WrittenPolicy]:
    """Write the generated schema beside the policies, so that editors complete."""
    release = open_workspace(workspace).release()
    path = Path(workspace).resolve() / "policies" / "schema.cedarschema"
    path.write_text(release.decider.bundle.schema_text)
    return Answer(WrittenPolicy([f"wrote {path}"]), says=[f"wrote {path}"])


@verb(policy, "new")
def new_policy(
    template: Annotated[
        str,
        typer.Argument(
            help="permit, require-approval, tenant-wall, change-freeze, limit-per-hour, read-only-agent, "
            "release-approval, a rule of policies/README.md, such as business-hours, or test for a receipt's decision."
        ),
    ],
    receipt: Annotated[str, typer.Argument(help="With test: the receipt whose decision becomes a test.")] = "",
    action: Annotated[str, typer.Option(help="The contract it is about.")] = "",
    role: Annotated[str, typer.Option(help="Who is permitted, or who approves.")] = "SecurityLead",
    asker: Annotated[
        str, typer.Option("--asker", help="With require-approval: the role that asks for the action.")
    ] = "",
    with_: Annotated[
        list[str] | None, typer.Option("--with", help="A value of a rule, such as limit=20 or from=08:30.")
    ] = None,
    workspace: WorkspaceOption = ".",
) -> Answer[WrittenPolicy]:
    """Write a policy and its test from a template; require-approval writes the permits that are missing, too."""
    from server.workspace.policy_drafts import PolicyRequest, write_policy
    from server.workspace.recorded_test import write_recorded_test

    if (template == "test") is not bool(receipt):
        raise AilyusError(
            "bad_settings", "`test` and a receipt belong together", hint="`ailyus policy new test RECEIPT`"
        )
    if receipt:
        written = list(write_recorded_test(open_workspace(workspace), receipt))
        return Answer(WrittenPolicy(written), says=written)
    values = {key: value for key, _, value in (text.partition("=") for text in with_ or [])}
    said = list(write_policy(open_workspace(workspace), PolicyRequest(template, action, role, asker, values)))
    return Answer(WrittenPolicy(said), says=said)


def _explained_receipt(workspace: str, receipt: str) -> Answer[Explained]:
    """What the files decide of what a receipt's decision was asked, and who of the declared people could approve."""
    from policies.diagnosis import diagnosis_of, with_givers
    from policies.explanation import explain
    from server.workspace.recorded_test import case_of_receipt

    space = open_workspace(workspace)
    release = space.release()
    case, programs = case_of_receipt(space, release, receipt), release.catalog.programs
    people = [
        (one, one.roles)
        for one in release.people.by_name.values()
        if one.tenant == case.resource.tenant and one.name not in (case.person.name, release.author)
    ]
    told = with_givers(diagnosis_of(release.decider, programs, case), release.decider, programs, case, people)
    lines = [*explain(told.decision), *told.lines]
    return Answer(Explained(str(case.action), lines), lines)


def _tenant(workspace: str, bundled: bool) -> str:
    """The tenant of agent and person in an explanation: that of the first declared person."""
    people = () if bundled else open_workspace(workspace).settings.people
    return people[0].tenant if people else "acme"


def _role(declared: Collection[str], option: str) -> list[str]:
    if "Support" in declared or len(declared) == 1:
        return ["Support"] if "Support" in declared else list(declared)
    raise AilyusError("bad_settings", "no role is named", hint=f"{option} {' | '.join(sorted(declared)) or 'ROLE'}")


def _environment(declared: Collection[str]) -> str:
    if "prod" in declared or len(declared) == 1:
        return "prod" if "prod" in declared else next(iter(declared))
    raise AilyusError("bad_settings", "no environment is named", hint=f"--environment {' | '.join(sorted(declared))}")


policy_proof.register(policy)
verb(policy, "diff")(diff_policies)
verb(policy, "simulate")(simulate_policies)
verb(policy, "shadow")(shadow_policies)
verb(policy, "suggest")(suggest_policies)
