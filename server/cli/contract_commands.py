"""Commands about action contracts: what may be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from server.cli import draft_commands, library_commands
from server.cli.answer import Answer, group, verb
from server.cli.document_part import part
from server.cli.options import AllowWiderOption, NameArgument
from server.cli.output import note, table
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from contracts.compiler.plan_program import PlanProgram
    from contracts.compiler.program import Program

contract = group("Action contracts: what may be done.")

ShownContract = Annotated[
    Mapping[str, object], part("contracts.schema.contract:Contract", "contracts.schema.plan:Plan")
]
"""A contract or a plan, as its model has it: durations are milliseconds."""


@dataclass(frozen=True, slots=True)
class ContractRow:
    """One contract or plan, as `name@version`."""

    contract: str
    kind: str
    risk: str
    title: str


@dataclass(frozen=True, slots=True)
class CheckedContracts:
    """What was checked without a fault; `wider`: what leaves guards that hold in the live release."""

    folder: str
    contracts: int
    plans: int
    warnings: list[str]
    wider: list[str]


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """The files that were written."""

    files: list[str]


@verb(contract, "list")
def contracts(workspace: WorkspaceOption = ".") -> Answer[list[ContractRow]]:
    """List what actions are allowed at all."""
    from contracts.compiler.catalog import load_catalog

    catalog = load_catalog(_contracts(workspace))
    rows = [
        ContractRow(f"{p.name}@{p.contract.version}", p.contract.kind, p.contract.risk, p.contract.title)
        for p in sorted(catalog.programs.values(), key=lambda p: (p.contract.target, p.name))
    ]
    rows += [ContractRow(f"{p.name}@{p.plan.version}", "plan", p.risk, p.plan.title) for p in catalog.plans.values()]
    return Answer(rows, table(rows, ("contract", "kind", "risk", "title")) if rows else ["there is no contract yet"])


@verb(contract, "show")
def show_contract(name: NameArgument, workspace: WorkspaceOption = ".") -> Answer[ShownContract]:
    """Show one contract: valid parameters, what is expected, what happens otherwise, what evidence is kept."""
    from contracts.compiler.catalog import load_catalog

    catalog = load_catalog(_contracts(workspace))
    if name in catalog.plans:
        plan = catalog.plans[name]
        return Answer(plan.plan.model_dump(mode="json", by_alias=True, exclude_none=True), _plan_lines(plan))
    if name not in catalog.programs:
        hint = did_you_mean(name, [*catalog.programs, *catalog.plans], where="`ailyus contract list`")
        raise AilyusError("not_found", f"there is no contract `{name}`", hint=hint)
    program = catalog.programs[name]
    return Answer(program.contract.model_dump(mode="json", by_alias=True, exclude_none=True), _lines(program))


@verb(contract, "check")
def check_contracts(
    folder: Annotated[Path | None, typer.Argument(help="A folder of contracts; else the workspace's.")] = None,
    allow_wider: AllowWiderOption = False,
    workspace: WorkspaceOption = ".",
) -> Answer[CheckedContracts]:
    """Refuse anything unknown, unreachable or untyped, with file and line, and what widens the live release."""
    from contracts.compiler.catalog import load_catalog
    from server.workspace.settings.file import FILE

    # without a folder a workspace is meant: a wrong folder must not look as if all were well
    path = _contracts(workspace) if folder is None else folder.resolve()
    if not path.is_dir():
        raise AilyusError("bad_contract", f"there is no folder `{folder or path}`")
    catalog = load_catalog(path)
    if not catalog.programs and not catalog.plans and folder is not None:
        hint = "name the folder of the contracts, or a workspace with -w"
        raise AilyusError("bad_contract", f"there is no contract in `{folder}`", hint=hint)
    warnings = [str(warning) for warning in catalog.warnings]
    for warning in warnings:
        note(f"warning: {warning}")
    # another folder than a workspace's own has no live release to be compared with
    root, wider = path.parent, list[str]()
    if path.name == "contracts" and (root / FILE).exists():
        wider = _compare(str(root), allow_wider)
    count, plans = len(catalog.programs), len(catalog.plans)
    said = f"ok: {count} contracts and {plans} plans in {path}"
    return Answer(CheckedContracts(str(path), count, plans, warnings, wider), says=[said])


@verb(contract, "schema")
def contract_schema(
    plan: Annotated[bool, typer.Option("--plan", help="That of plans.")] = False,
    flow: Annotated[bool, typer.Option("--flow", help="That of flows.")] = False,
    write: Annotated[
        bool,
        typer.Option("--write", help="Write those of every kind of file, where the workspace's files expect them."),
    ] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[Mapping[str, object] | WrittenFiles]:
    """Print the JSON Schema of contracts, of plans or of flows, for editors; or write all of them after a clone."""
    import orjson

    from server.workspace.schemas import FOLDER, schema_of, write_schemas
    from server.workspace.settings.file import FILE

    if not write:
        text = schema_of("plan" if plan else "flow" if flow else "contract")
        return Answer(orjson.loads(text), [text.decode().rstrip("\n")])
    if plan or flow:
        raise AilyusError(
            "bad_settings", "`--write` writes the schemas of every kind", hint="leave the other option out"
        )
    root = Path(workspace).resolve()
    if not (root / FILE).exists():
        raise AilyusError("no_workspace", f"there is no `{FILE}` in `{root}`")
    written = write_schemas(root)
    said = f"wrote {FOLDER.as_posix()}/: {', '.join(path.name for path in written)}"
    return Answer(WrittenFiles([str(path) for path in written]), says=[said])


draft_commands.register(contract)
library_commands.register(contract)


def _lines(program: "Program") -> list[str]:
    import orjson

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
    return lines


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


def _compare(workspace: str, allow_wider: bool) -> list[str]:
    """Compare the files with the release that was made last, where they make one."""
    from server.workspace.widening import require_allowed, wider_than_live

    space = open_workspace(workspace)
    try:
        release = space.release()
    except AilyusError as error:  # of the policies or the settings: `policy check` is about these
        note(f"warning: not compared with the live release: {error.sentence}")
        return []
    wider = wider_than_live(space, release)
    require_allowed(wider, allow_wider)
    for change in wider:
        note(change.says)
    return [change.says for change in wider]


def _contracts(workspace: str) -> Path:
    return open_workspace(workspace).root / "contracts"
