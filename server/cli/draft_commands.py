"""Commands that draft contracts for what a team has already."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.output import Format, FormatOption, WorkspaceOption, show, table, told

if TYPE_CHECKING:
    from pydantic import JsonValue

RiskOption = Annotated[str, typer.Option(help="low, medium, high or critical.")]
ResourceOption = Annotated[str, typer.Option(help="What it is about: 'GitRepository=${inputs.repo_path}'.")]
SummaryOption = Annotated[str, typer.Option(help="What it does, in one sentence of yours.")]
ExpectOption = Annotated[list[str] | None, typer.Option(help="CEL that is true when it is done; repeat it.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="An argument that agents do not choose: name=value.")
]


def register(contract: typer.Typer) -> None:
    """Add the commands to `ailyus contract`."""
    for name, command in (("import-mcp", import_mcp), ("pins", pins)):
        contract.command(name)(told(command))


def import_mcp(
    server: Annotated[str, typer.Argument(help="The URL of an MCP server, or the command that runs it, quoted.")],
    as_: Annotated[str, typer.Option("--as", help="The connection's name.")] = "",
    tool: Annotated[list[str] | None, typer.Option(help="A tool to govern; without any, they are listed.")] = None,
    read: Annotated[list[str] | None, typer.Option(help="The tool that reads back what the others change.")] = None,
    set_: SetOption = None,
    risk: RiskOption = "",
    resource: ResourceOption = "",
    summary: SummaryOption = "",
    expect: ExpectOption = None,
    env: Annotated[
        list[str] | None, typer.Option(help="A variable that the server gets: NAME (of ours) or NAME=value.")
    ] = None,
    directory: Annotated[str, typer.Option(help="Where it runs, below the workspace.")] = "",
    credential: Annotated[str, typer.Option(help="For a URL: env:NAME or file:PATH; may hold {person}.")] = "none",
    workspace: WorkspaceOption = ".",
) -> None:
    """Draft contracts for tools of an MCP server, pinned to what the tools are now."""
    from contracts.draft import Said
    from server.drafting import Named, import_mcp
    from server.settings import Workspace

    named = Named(
        server, as_, tuple(tool or ()), tuple(read or ()), _fixed(set_), tuple(env or ()), directory, credential
    )
    said = Said(risk, resource, summary, "", tuple(expect or ()))
    show(Format.text, None, import_mcp(Workspace.open(Path(workspace).resolve()), named, said))


def pins(
    connection: Annotated[str, typer.Argument(help="The connection of an MCP server.")],
    accept: Annotated[bool, typer.Option(help="Write the new pins into the contracts, after you have looked.")] = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Compare the tools of an MCP server with what was released; exit 1 when one is another."""
    from server.drafting import pins
    from server.settings import Workspace

    rows, written = pins(Workspace.open(Path(workspace).resolve()), connection, accept)
    show(format, rows, [*table(rows, ("file", "tool", "state")), *written])
    if any(row["state"] != "as released" for row in rows) and not accept:
        raise typer.Exit(1)


def _fixed(pairs: list[str] | None) -> "dict[str, JsonValue]":
    out: dict[str, JsonValue] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise AilyusError("bad_contract", f"`{pair}` sets nothing", hint="--set name=value")
        try:
            out[name] = json.loads(value)
        except json.JSONDecodeError:
            out[name] = value
    return out
