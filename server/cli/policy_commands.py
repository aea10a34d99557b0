"""Commands about Cedar policies: whether it may be done."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli import policy_proof
from server.cli.answer import Answer, group, verb
from server.cli.exit_code import DONE, FAILED, INVALID, REFUSED, WIDER
from server.cli.finding_report import ReportFormat, ReportOption, report_lines
from server.cli.options import AllowWiderOption
from server.cli.output import fail, note
from server.cli.policy_change_commands import diff_policies, simulate_policies
from server.cli.policy_explain_command import explain_policy
from server.cli.policy_format_command import format_policies
from server.cli.policy_shadow_command import shadow_policies
from server.cli.policy_suggest_command import suggest_policies
from server.cli.policy_test_commands import test_policies
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
verb(policy, "explain")(explain_policy)


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


policy_proof.register(policy)
verb(policy, "diff")(diff_policies)
verb(policy, "simulate")(simulate_policies)
verb(policy, "shadow")(shadow_policies)
verb(policy, "suggest")(suggest_policies)
