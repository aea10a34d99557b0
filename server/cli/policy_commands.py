"""Commands about Cedar policies: whether it may be done."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.options import AllowWiderOption, NameArgument
from server.cli.output import Format, FormatOption, report_errors, show
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from contracts.compiler.program import Program
    from policies.decider import Decider
    from policies.release import Release

BundledOption = Annotated[bool, typer.Option("--bundled", help="The policies and contracts that come with Ailyus.")]
policy = typer.Typer(help="Cedar policies: whether it may be done.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("check", check_policies),
        ("test", test_policies),
        ("explain", explain_policy),
        ("schema", policy_schema),
        ("new", new_policy),
    ):
        policy.command(name)(report_errors(command))
    app.add_typer(policy, name="policy")


def check_policies(workspace: WorkspaceOption = ".", allow_wider: AllowWiderOption = False) -> None:
    """Validate the policies, run their tests, and refuse what widens the live release or waits for nobody."""
    from server.workspace.release_checks import require_sound, require_tested

    space = open_workspace(workspace)
    release = space.release()
    for line in require_sound(space, release, allow_wider):
        typer.echo(line, err=True)
    require_tested(space, release)


def test_policies(
    workspace: WorkspaceOption = ".", bundled: BundledOption = False, format: FormatOption = Format.text
) -> None:
    """Run every `*.test.yaml` of the workspace. One that names what does not exist fails; having none is an error."""
    from policies.case import load_tests
    from policies.testing import run_tests, uncovered

    decider, programs, folder = _decider(workspace, bundled)
    results = run_tests(decider, programs, [case for _, case in load_tests(folder)])
    if not results and programs:
        raise AilyusError("bad_policy", "no policy test is about any contract", hint="`ailyus policy new` writes one")
    failed = [r for r in results if r.failure]
    bare = uncovered(decider, results)
    lines = [f"FAILED {r.case.name}: {r.failure}" for r in failed]
    lines.append(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    if not results:
        lines.append("there is no contract yet that a test could be about")
    if bare:
        verb = "policy is" if len(bare) == 1 else "policies are"
        lines.append(f"{len(bare)} {verb} covered by no test: {', '.join(bare)}")
    show(
        format,
        {"passed": len(results) - len(failed), "failed": [r.case.name for r in failed], "uncovered": bare},
        lines,
    )
    if failed:
        raise typer.Exit(1)


def explain_policy(
    name: NameArgument,
    agent_role: Annotated[list[str] | None, typer.Option(help="A role of the agent.")] = None,
    person_role: Annotated[list[str] | None, typer.Option(help="A role of the person it acts for.")] = None,
    tenant: Annotated[str, typer.Option(help="The resource's tenant; both principals are of `acme`.")] = "acme",
    environment: Annotated[str, typer.Option(help="The resource's environment.")] = "prod",
    attribute: Annotated[list[str] | None, typer.Option(help="name=value, for example vip=true")] = None,
    approval: Annotated[list[str] | None, typer.Option(help="role=count")] = None,
    workspace: WorkspaceOption = ".",
    bundled: BundledOption = False,
    format: FormatOption = Format.text,
) -> None:
    """When is approval required, and why? The deciding ids for the agent and for the person apart."""
    from contracts.text.document import read_document
    from contracts.text.source import MalformedSource
    from policies.case import Case, What, Who
    from policies.explanation import explain
    from policies.testing import evaluate

    decider, programs, _ = _decider(workspace, bundled)
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
        agent=Who(roles=tuple(agent_role or ["Support"])),
        person=Who(roles=tuple(person_role or ["Support"])),
        resource=What(tenant=tenant, environment=environment, attributes=attributes),
        approvals=counts,
        expect="permitted",
    )
    lines = explain(evaluate(decider, programs, case))
    show(format, {"action": name, "explanation": lines}, lines)


def policy_schema(workspace: WorkspaceOption = ".") -> None:
    """Write the generated schema beside the policies, so that editors complete."""
    release = _release(workspace)
    (Path(workspace).resolve() / "policies" / "schema.cedarschema").write_text(release.decider.bundle.schema_text)


def new_policy(
    template: Annotated[
        str,
        typer.Argument(
            help="permit, require-approval, tenant-wall, change-freeze, limit-per-hour, read-only-agent, or "
            "release-approval."
        ),
    ],
    action: Annotated[str, typer.Option(help="The contract it is about.")] = "",
    role: Annotated[str, typer.Option(help="Who is permitted, or who approves.")] = "SecurityLead",
    asker: Annotated[
        str, typer.Option("--asker", help="With require-approval: the role that asks for the action.")
    ] = "",
    workspace: WorkspaceOption = ".",
) -> None:
    """Write a policy and its test from a template; require-approval writes the permits that are missing, too."""
    from server.workspace.policy_drafts import PolicyRequest, write_policy

    for line in write_policy(open_workspace(workspace), PolicyRequest(template, action, role, asker)):
        typer.echo(line)


def _release(workspace: str) -> "Release":

    return open_workspace(workspace).release()


def _decider(workspace: str, bundled: bool) -> "tuple[Decider, Mapping[str, Program], Path]":
    """The decider, programs and policy folder of a workspace, or of the bundled library where that is asked for."""
    from server.workspace.settings.file import FILE

    if not bundled:
        root = Path(workspace).resolve()
        if not (root / FILE).exists():
            hint = "work in a workspace's folder, name one with --workspace, or ask for the --bundled policies"
            raise AilyusError("no_workspace", f"there is no `{FILE}` in `{root}`", hint=hint)
        release = _release(workspace)
        return release.decider, release.catalog.programs, root / "policies"
    from importlib.resources import files

    from contracts.compiler.catalog import load_catalog
    from policies.bundle import load_bundle
    from policies.decider import Decider

    folder = Path(str(files("policies").joinpath("library")))
    programs = load_catalog(Path(str(files("contracts").joinpath("library")))).programs
    texts = {p.name: p.read_text() for p in folder.glob("*.cedar")}
    bundle = load_bundle(texts, programs, ("Support", "Operations", "SecurityLead"), ("prod", "staging"))
    return Decider(bundle, programs), programs, folder
