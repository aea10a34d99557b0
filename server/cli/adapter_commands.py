"""Commands about adapters in Python: list, check."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from server.cli.answer import Answer, group, verb
from server.cli.draft_commands import RehearsedFault, rehearsed
from server.cli.output import table
from server.cli.workspace_option import WorkspaceOption, open_workspace

adapter = group("Adapters in Python: what is installed, and how they bear faults.")


@dataclass(frozen=True, slots=True)
class AdapterRow:
    """One installed adapter; `named`: this very code stands in `ailyus.toml`."""

    entry_point: str
    distribution: str
    version: str
    named: str
    digest: str


@verb(adapter, "list")
def list_adapters(workspace: WorkspaceOption = ".") -> Answer[list[AdapterRow]]:
    """List what is installed beside the gateway, with the digest to name in `ailyus.toml`."""
    from adapters.plugin import offered
    from server.workspace.settings.file import FILE
    from server.workspace.workspace import Workspace

    folder = Path(workspace).resolve()
    # outside of a workspace too: the digest is looked up before there is a file to name it in
    named = Workspace.open(folder).settings.adapters if (folder / FILE).exists() else {}
    known = {(part.entry_point, part.digest) for part in named.values()}
    rows = [
        AdapterRow(
            one.entry_point,
            one.distribution,
            one.version,
            "yes" if (one.entry_point, one.digest) in known else "no",
            one.digest,
        )
        for one in offered()
    ]
    columns = ("entry_point", "distribution", "version", "named", "digest")
    return Answer(rows, table(rows, columns) if rows else ["no adapter is installed beside the gateway"])


@verb(adapter, "check")
def check(
    name: Annotated[str, typer.Argument(help="The adapter, as `[adapters.NAME]` names it.")],
    contract: Annotated[str, typer.Option(help="The contract to try it with, where several use it.")] = "",
    input_: Annotated[
        list[str] | None, typer.Option("--input", help="name=value, by the input's type; {n} is the fault's number.")
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Only these faults.")] = None,
    workspace: WorkspaceOption = ".",
) -> Answer[list[RehearsedFault]]:
    """Try an adapter against faults between it and its target, by one of its contracts; exit 1 when one wins."""
    from contracts.compiler.catalog import load_catalog
    from contracts.compiler.route_program import PythonProgram

    space = open_workspace(workspace)
    if name not in space.settings.adapters:
        hint = did_you_mean(name, space.settings.adapters, where="name one under [adapters.NAME]")
        raise AilyusError("not_found", f"there is no adapter `{name}`", hint=hint)
    kinds = {c.kind for c in space.settings.connections.values() if c.adapter == name}
    programs = load_catalog(space.root / "contracts").programs.values()
    fit = sorted(
        p.name for p in programs if p.contract.target in kinds and p.routes and isinstance(p.routes[0], PythonProgram)
    )
    if contract not in fit and (contract or len(fit) != 1):
        sentence = f"`{contract}` does not act by it" if contract else f"{len(fit)} contracts act by it first"
        raise AilyusError("not_found", sentence, hint=f"--contract {' | '.join(fit) or 'NAME, once there is one'}")
    return rehearsed(space.root, contract or fit[0], input_, fault)
