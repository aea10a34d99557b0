"""Commands about action contracts: what may be done."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli import draft_commands
from server.cli.options import AllowWiderOption, NameArgument
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from contracts.compiler.plan_program import PlanProgram

contract = typer.Typer(help="Action contracts: what may be done.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("list", contracts),
        ("show", show_contract),
        ("check", check_contracts),
        ("schema", contract_schema),
    ):
        contract.command(name)(report_errors(command))
    draft_commands.register(contract)
    app.add_typer(contract, name="contract")


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
    from server.workspace.settings.file import FILE

    if not folder.is_dir():
        raise AilyusError("bad_contract", f"there is no folder `{folder}`")
    for warning in load_catalog(folder.resolve()).warnings:
        typer.echo(f"warning: {warning}", err=True)
    root = folder.resolve().parent
    # another folder than a workspace's own has no live release to be compared with
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
    from server.workspace.settings.file import FILE

    if not write:
        typer.echo(schema_of("plan" if plan else "flow" if flow else "contract").decode(), nl=False)
        return
    if plan or flow:
        raise AilyusError(
            "bad_settings", "`--write` writes the schemas of every kind", hint="leave the other option out"
        )
    root = Path(workspace).resolve()
    if not (root / FILE).exists():
        raise AilyusError("no_workspace", f"there is no `{FILE}` in `{root}`")
    written = write_schemas(root)
    typer.echo(f"wrote {FOLDER.as_posix()}/: {', '.join(path.name for path in written)}")


def _compare(workspace: str, allow_wider: bool) -> None:
    """Compare the files with the release that was made last, where they make one."""
    from server.workspace.widening import require_allowed, wider_than_live

    space = open_workspace(workspace)
    try:
        release = space.release()
    except AilyusError as error:  # of the policies or the settings: `policy check` is about these
        typer.echo(f"warning: not compared with the live release: {error.sentence}", err=True)
        return
    wider = wider_than_live(space, release)
    require_allowed(wider, allow_wider)
    for change in wider:
        typer.echo(change.says, err=True)


def _contracts(workspace: str) -> Path:

    return open_workspace(workspace).root / "contracts"
