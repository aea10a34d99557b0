"""Commands about adapters in Python: list, check."""

from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.cli.draft_commands import run_contract_test
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.workspace_option import WorkspaceOption, open_workspace

adapter = typer.Typer(help="Adapters in Python: what is installed, and how they bear faults.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    adapter.command("list")(report_errors(list_adapters))
    adapter.command("check")(report_errors(check))
    app.add_typer(adapter, name="adapter")


def list_adapters(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List what is installed beside the gateway, with the digest to name in `ailyus.toml`."""
    from adapters.plugin import offered
    from server.workspace.settings.file import FILE
    from server.workspace.workspace import Workspace

    folder = Path(workspace).resolve()
    # outside of a workspace too: the digest is looked up before there is a file to name it in
    named = Workspace.open(folder).settings.adapters if (folder / FILE).exists() else {}
    known = {(part.entry_point, part.digest) for part in named.values()}
    rows: list[dict[str, object]] = [
        {
            "entry_point": one.entry_point,
            "distribution": one.distribution,
            "version": one.version,
            "named": "yes" if (one.entry_point, one.digest) in known else "no",
            "digest": one.digest,
        }
        for one in offered()
    ]
    show(format, rows, table(rows, ("entry_point", "distribution", "version", "named", "digest")))


def check(
    name: Annotated[str, typer.Argument(help="The adapter, as `[adapters.NAME]` names it.")],
    contract: Annotated[str, typer.Option(help="The contract to try it with, where several use it.")] = "",
    input_: Annotated[list[str] | None, typer.Option("--input", help="name=value; {n} is the fault's number.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Only these faults.")] = None,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Try an adapter against faults between it and its target, by one of its contracts; exit 1 when one wins."""
    from contracts.compiler.catalog import load_catalog
    from contracts.compiler.route_program import PythonProgram

    space = open_workspace(workspace)
    if name not in space.settings.adapters:
        hint = f"one of {', '.join(sorted(space.settings.adapters)) or 'none'}, under [adapters.NAME]"
        raise AilyusError("not_found", f"there is no adapter `{name}`", hint=hint)
    kinds = {c.kind for c in space.settings.connections.values() if c.adapter == name}
    programs = load_catalog(space.root / "contracts").programs.values()
    fit = sorted(
        p.name for p in programs if p.contract.target in kinds and p.routes and isinstance(p.routes[0], PythonProgram)
    )
    if contract not in fit and (contract or len(fit) != 1):
        sentence = f"`{contract}` does not act by it" if contract else f"{len(fit)} contracts act by it first"
        raise AilyusError("not_found", sentence, hint=f"--contract {' | '.join(fit) or 'NAME, once there is one'}")
    run_contract_test(space.root, contract or fit[0], input_, fault, format)
