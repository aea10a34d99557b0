"""Commands for authors and admins: contract, policy, agent."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.admin.client import ask_owner, list_owner
from server.cli import draft_commands
from server.cli.output import Format, FormatOption, WorkspaceOption, show, table, told

if TYPE_CHECKING:
    from contracts.compiler.plan_program import PlanProgram
    from contracts.compiler.program import Program
    from policies.decider import Decider
    from policies.release import Release

contract = typer.Typer(help="Action contracts: what may be done.", no_args_is_help=True)
policy = typer.Typer(help="Cedar policies: whether it may be done.", no_args_is_help=True)
agent = typer.Typer(help="Agents and their tokens.", no_args_is_help=True)
AllowWiderOption = Annotated[
    bool,
    typer.Option("--allow-wider", help="Accept that contracts leave guards that hold for them in the live release."),
]
BundledOption = Annotated[bool, typer.Option("--bundled", help="The policies and contracts that come with Ailyus.")]
AgentArgument = Annotated[str, typer.Argument(help="The agent's name.")]
NameArgument = Annotated[str, typer.Argument(help="A contract's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for group, commands in (
        (
            contract,
            (("list", contracts), ("show", show_contract), ("check", check_contracts), ("schema", contract_schema)),
        ),
        (
            policy,
            (
                ("check", check_policies),
                ("test", test_policies),
                ("explain", explain_policy),
                ("schema", policy_schema),
                ("new", new_policy),
            ),
        ),
        (agent, (("list", agents), ("add", add_agent), ("promote", promote_agent), ("revoke", revoke_agent))),
    ):
        for name, command in commands:
            group.command(name)(told(command))
    draft_commands.register(contract)
    app.add_typer(contract, name="contract")
    app.add_typer(policy, name="policy")
    app.add_typer(agent, name="agent")


def contracts(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List what actions are allowed at all."""
    from contracts.compiler.catalog import load_catalog

    catalog = load_catalog(_contracts(workspace))
    programs = catalog.programs.values()
    rows: list[dict[str, object]] = [
        {
            "contract": f"{p.name}@{p.contract.version}",
            "kind": p.contract.kind,
            "risk": p.contract.risk,
            "title": p.contract.title,
        }
        for p in sorted(programs, key=lambda p: (p.contract.target, p.name))
    ]
    rows += [
        {"contract": f"{p.name}@{p.plan.version}", "kind": "plan", "risk": p.risk, "title": p.plan.title}
        for p in catalog.plans.values()
    ]
    show(format, rows, table(rows, ("contract", "kind", "risk", "title")))


def show_contract(
    name: NameArgument,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Show one contract: valid parameters, what is expected, what happens otherwise, what evidence is kept."""
    import orjson

    from contracts.compiler.catalog import load_catalog

    catalog = load_catalog(_contracts(workspace))
    program = catalog.programs.get(name)
    if name in catalog.plans:
        plan = catalog.plans[name]
        show(format, plan.plan.model_dump(mode="json", by_alias=True, exclude_none=True), _plan_lines(plan))
        return
    if program is None:
        raise AilyusError("not_found", f"there is no contract `{name}`", hint="`ailyus contract list`")
    c = program.contract
    lines = [f"{c.contract}@{c.version}: {c.summary}", f"risk {c.risk}, {c.kind}, target {c.target}", "parameters:"]
    lines += [f"  {n}: {orjson.dumps(s).decode()}" for n, s in program.inputs.fields.items()]
    lines += [f"required before: {check.said}" for check in program.require]
    lines += [f"sent by: {r.said} {r.place}" for r in program.routes]
    lines += [f"confirmed only if it is read back that {check.said}" for check in program.expect]
    if program.is_write:
        lines.append(
            f"in doubt: probed after the deadline + {c.settle_ms / 1000:g} s ({c.detect}); "
            f"else escalated to {c.escalate} and looked at again"
        )
        lines += [f"evidence kept ({way}): {', '.join(kinds)}" for way, kinds in c.evidence.items()]
        lines.append(f"undone by: {program.undo.contract if program.undo else 'nothing'}")
    show(format, c.model_dump(mode="json", by_alias=True, exclude_none=True), lines)


def _plan_lines(program: "PlanProgram") -> list[str]:
    import orjson

    plan = program.plan
    lines = [f"{plan.plan}@{plan.version}: {plan.summary}", f"risk {program.risk}, a plan", "parameters:"]
    lines += [f"  {n}: {orjson.dumps(s).decode()}" for n, s in program.inputs.fields.items()]
    for block in program.blocks:
        waves = f", for each item, in waves of {', '.join(map(str, block.waves)) or 'all'}" if block.items else ""
        lines += [f"step {step.id}: {step.contract}{waves}" for step in block.steps]
    lines += [f"confirmed only if every step is and {check.said}" for check in program.expect]
    lines += [f"not taken back: {kept}, while {holder} is done and stays" for kept, holder in plan.keeps]
    lines.append(f"if a step fails: {plan.on_failure}; told: {plan.escalate or 'whom the step names'}")
    return lines


def check_contracts(
    folder: Annotated[Path, typer.Argument(help="A folder of contracts.")] = Path("contracts"),
    allow_wider: AllowWiderOption = False,
) -> None:
    """Refuse anything unknown, unreachable or untyped, with file and line, and what widens the live release."""
    from contracts.compiler.catalog import load_catalog
    from server.workspace.settings_file import FILE

    if not folder.is_dir():
        raise AilyusError("bad_contract", f"there is no folder `{folder}`")
    for warning in load_catalog(folder.resolve()).warnings:
        typer.echo(f"warning: {warning}", err=True)
    root = folder.resolve().parent
    if folder.resolve().name == "contracts" and (root / FILE).exists():
        _compare(str(root), allow_wider)


def contract_schema(
    plan: Annotated[bool, typer.Option("--plan", help="That of plans.")] = False,
    flow: Annotated[bool, typer.Option("--flow", help="That of flows.")] = False,
    write: Annotated[
        bool,
        typer.Option("--write", help="Write those of every kind of file, where the workspace's files expect them."),
    ] = False,
    workspace: WorkspaceOption = ".",
) -> None:
    """Print the JSON Schema of contracts, of plans or of flows, for editors; or write all of them after a clone."""
    from server.workspace.schemas import FOLDER, schema_of, write_schemas
    from server.workspace.settings_file import FILE

    if not write:
        typer.echo(schema_of("plan" if plan else "flow" if flow else "contract").decode(), nl=False)
        return
    if plan or flow:
        raise AilyusError(
            "bad_settings", "`--write` writes the schemas of every kind", hint="leave the other option out"
        )
    root = _folder(workspace)
    if not (root / FILE).exists():
        raise AilyusError("no_workspace", f"there is no `{FILE}` in `{root}`")
    written = write_schemas(root)
    typer.echo(f"wrote {FOLDER.as_posix()}/: {', '.join(path.name for path in written)}")


def check_policies(workspace: WorkspaceOption = ".", allow_wider: AllowWiderOption = False) -> None:
    """Validate the policies, run their tests, and refuse what widens the live release or waits for nobody."""
    from server.workspace.release_checks import require_sound, require_tested
    from server.workspace.workspace import Workspace

    space = Workspace.open(_folder(workspace))
    release = space.release()
    for line in require_sound(space, release, allow_wider):
        typer.echo(line, err=True)
    require_tested(space, release)


def _compare(workspace: str, allow_wider: bool) -> None:
    """Compare the files with the release that was made last, where they make one."""
    from server.workspace.widening import require_allowed, wider_than_live
    from server.workspace.workspace import Workspace

    space = Workspace.open(_folder(workspace))
    try:
        release = space.release()
    except AilyusError as error:  # of the policies or the settings: `policy check` is about these
        typer.echo(f"warning: not compared with the live release: {error.sentence}", err=True)
        return
    wider = wider_than_live(space, release)
    require_allowed(wider, allow_wider)
    for change in wider:
        typer.echo(change.says, err=True)


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
    from contracts.text.source import Malformed
    from policies.case import Case, What, Who
    from policies.explanation import explain
    from policies.testing import evaluate

    decider, programs, _ = _decider(workspace, bundled)
    try:
        attributes = {k: read_document(v)[1] for k, _, v in (a.partition("=") for a in attribute or [])}
    except Malformed as error:
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
    (_folder(workspace) / "policies" / "schema.cedarschema").write_text(release.decider.bundle.schema_text)


def new_policy(
    template: Annotated[
        str,
        typer.Argument(help="permit, require-approval, tenant-wall, change-freeze, limit-per-hour, read-only-agent"),
    ],
    action: Annotated[str, typer.Option(help="The contract it is about.")] = "",
    role: Annotated[str, typer.Option(help="Who is permitted, or who approves.")] = "SecurityLead",
    asker: Annotated[
        str, typer.Option("--asker", help="With require-approval: the role that asks for the action.")
    ] = "",
    workspace: WorkspaceOption = ".",
) -> None:
    """Write a policy and its test from a template; require-approval writes the permits that are missing, too."""
    from server.workspace.policy_drafts import Wanted, write_policy
    from server.workspace.workspace import Workspace

    for line in write_policy(Workspace.open(_folder(workspace)), Wanted(template, action, role, asker)):
        typer.echo(line)


def agents(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the agents."""
    from server.workspace.workspace import Workspace

    rows = list_owner(Workspace.open(_folder(workspace)), "/agents")
    show(format, rows, table(rows, ("name", "tenant", "owner", "person", "roles", "observe_only", "revoked")))


def add_agent(
    name: AgentArgument,
    owner: Annotated[
        str, typer.Option(help="The person who owns it; it acts for them unless --person is given.")
    ] = "requester",
    person: Annotated[str | None, typer.Option(help="The person it acts for.")] = None,
    tenant: Annotated[str, typer.Option(help="The tenant that it belongs to.")] = "acme",
    role: Annotated[list[str] | None, typer.Option(help="A role of the agent.")] = None,
    observe: Annotated[
        bool, typer.Option(help="Reads run; writes are decided, previewed and receipted, never sent.")
    ] = False,
    workspace: WorkspaceOption = ".",
) -> None:
    """Register an agent; its token goes to its own file (0600) and is shown nowhere."""
    from server.workspace.workspace import Workspace

    space = Workspace.open(_folder(workspace))
    body = {"name": name, "tenant": tenant, "owner": owner, "person": person, "roles": role or [], "observe": observe}
    answer = ask_owner(space, "POST", "/agents", body)
    token = answer.get("token") if isinstance(answer, dict) else None
    path = space.token_file(name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{token}\n")
    typer.echo(f"added {name}; its token is in {path}")


def promote_agent(name: AgentArgument, workspace: WorkspaceOption = ".") -> None:
    """Let an observing agent act."""
    from server.workspace.workspace import Workspace

    ask_owner(Workspace.open(_folder(workspace)), "PATCH", f"/agents/{name}", {"revoke": False})


def revoke_agent(name: AgentArgument, workspace: WorkspaceOption = ".") -> None:
    """Revoke an agent's token."""
    from server.workspace.workspace import Workspace

    ask_owner(Workspace.open(_folder(workspace)), "PATCH", f"/agents/{name}", {"revoke": True})


def _contracts(workspace: str) -> Path:
    from server.workspace.workspace import Workspace

    return Workspace.open(_folder(workspace)).root / "contracts"


def _folder(workspace: str) -> Path:
    return Path(workspace).resolve()


def _release(workspace: str) -> "Release":
    from server.workspace.workspace import Workspace

    return Workspace.open(_folder(workspace)).release()


def _decider(workspace: str, bundled: bool) -> "tuple[Decider, Mapping[str, Program], Path]":
    """The decider, programs and policy folder of a workspace, or of the bundled library where that is asked for."""
    from server.workspace.settings_file import FILE

    if not bundled:
        if not (_folder(workspace) / FILE).exists():
            hint = "work in a workspace's folder, name one with --workspace, or ask for the --bundled policies"
            raise AilyusError("no_workspace", f"there is no `{FILE}` in `{_folder(workspace)}`", hint=hint)
        release = _release(workspace)
        return release.decider, release.catalog.programs, _folder(workspace) / "policies"
    from importlib.resources import files

    from contracts.compiler.catalog import load_catalog
    from policies.bundle import load_bundle
    from policies.decider import Decider

    folder = Path(str(files("policies").joinpath("library")))
    programs = load_catalog(Path(str(files("contracts").joinpath("library")))).programs
    texts = {p.name: p.read_text() for p in folder.glob("*.cedar")}
    bundle = load_bundle(texts, programs, ("Support", "Operations", "SecurityLead"), ("prod", "staging"))
    return Decider(bundle, programs), programs, folder
