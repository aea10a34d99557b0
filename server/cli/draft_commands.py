"""Commands that draft contracts for what a team has already."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from pydantic import JsonValue

RiskOption = Annotated[str, typer.Option(help="low, medium, high or critical.")]
ResourceOption = Annotated[str, typer.Option(help="What it is about: 'GitRepository=${inputs.repo_path}'.")]
SummaryOption = Annotated[str, typer.Option(help="What it does, in one sentence of yours.")]
ExpectOption = Annotated[list[str] | None, typer.Option(help="CEL that is true when it is done; repeat it.")]
BaseUrlOption = Annotated[str, typer.Option(help="Where the API is, for a new connection.")]
ReaderOption = Annotated[str, typer.Option("--read-credential", help="env:NAME or file:PATH, that may only read.")]
WriterOption = Annotated[str, typer.Option("--write-credential", help="env:NAME or file:PATH.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="An argument that agents do not choose: name=value.")
]
WithoutOption = Annotated[
    list[str] | None, typer.Option("--without", help="An optional part that the action leaves out; '*' is all of them.")
]


def register(contract: typer.Typer) -> None:
    """Add the commands to `ailyus contract`."""
    commands = (
        ("import-mcp", import_mcp),
        ("import-openapi", import_openapi),
        ("draft", draft),
        ("pins", pins),
        ("test", test),
    )
    for name, command in commands:
        contract.command(name)(report_errors(command))


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
    from contracts.drafts.draft import DraftInput
    from server.workspace.contract_drafts import import_mcp
    from server.workspace.upstream_server import UpstreamServer

    named = UpstreamServer(
        server,
        as_,
        tuple(tool or ()),
        tuple(read or ()),
        parse_assignments(set_),
        tuple(env or ()),
        directory,
        credential,
    )
    said = DraftInput(risk, resource, summary, "", tuple(expect or ()))
    show(Format.text, None, import_mcp(open_workspace(workspace), named, said))


def import_openapi(
    file: Annotated[Path, typer.Argument(help="An OpenAPI 3 or Swagger 2 description. Nothing is fetched.")],
    as_: Annotated[str, typer.Option("--as", help="The kind of system; its connection has the same name.")],
    operation: Annotated[
        list[str] | None, typer.Option(help="An operationId, or 'DELETE /users/{id}'; without any, they are listed.")
    ] = None,
    read: Annotated[str, typer.Option(help="The GET that reads back; else that of the same path, or above.")] = "",
    set_: SetOption = None,
    without: WithoutOption = None,
    risk: RiskOption = "",
    resource: ResourceOption = "",
    summary: SummaryOption = "",
    expect: ExpectOption = None,
    base_url: BaseUrlOption = "",
    reader: ReaderOption = "none",
    writer: WriterOption = "none",
    workspace: WorkspaceOption = ".",
) -> None:
    """Draft contracts for operations of an API description."""
    from contracts.drafts.draft import DraftInput
    from server.workspace.contract_drafts import ApiConnection, import_openapi

    said, api = (
        DraftInput(risk, resource, summary, "", tuple(expect or ())),
        ApiConnection(as_, base_url, reader, writer),
    )
    space = open_workspace(workspace)
    lines = import_openapi(space, file, operation or [], read, api, parse_assignments(set_), said, without or [])
    show(Format.text, None, lines)


def draft(
    as_: Annotated[str, typer.Option("--as", help="The kind of system; its connection has the same name.")],
    read: Annotated[str, typer.Option(help="The curl line that reads it back, in quotes.")],
    write: Annotated[str, typer.Option(help="The curl line that changes something, in quotes.")] = "",
    name: Annotated[str, typer.Option(help="The contract's name.")] = "",
    set_: SetOption = None,
    risk: RiskOption = "",
    resource: ResourceOption = "",
    summary: SummaryOption = "",
    expect: ExpectOption = None,
    base_url: BaseUrlOption = "",
    reader: ReaderOption = "none",
    writer: WriterOption = "none",
    workspace: WorkspaceOption = ".",
) -> None:
    """Draft a contract out of two curl lines. They are taken apart, not run; credentials in them are dropped."""
    from contracts.drafts.draft import DraftInput
    from server.workspace.contract_drafts import ApiConnection, draft_curl

    said, api = (
        DraftInput(risk, resource, summary, "", tuple(expect or ())),
        ApiConnection(as_, base_url, reader, writer),
    )
    space = open_workspace(workspace)
    show(Format.text, None, draft_curl(space, write, read, name, api, parse_assignments(set_), said))


def pins(
    connection: Annotated[str, typer.Argument(help="The connection of an MCP server.")],
    accept: Annotated[bool, typer.Option(help="Write the new pins into the contracts, after you have looked.")] = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Compare the tools of an MCP server with what was released; exit 1 when one is another."""
    from server.workspace.tool_pins import pins

    rows, written = pins(open_workspace(workspace), connection, accept)
    show(format, rows, [*table(rows, ("file", "tool", "state")), *written])
    if any(row["state"] != "as released" for row in rows) and not accept:
        raise typer.Exit(1)


def test(
    name: Annotated[str, typer.Argument(help="A contract that changes something, over HTTP or by Python.")],
    input_: Annotated[list[str] | None, typer.Option("--input", help="name=value; {n} is the fault's number.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Only these faults.")] = None,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Try a contract against faults between the gateway and its target, or the target's twin; exit 1 when one wins."""
    run_contract_test(Path(workspace), name, input_, fault, format)


def run_contract_test(
    folder: Path, name: str, inputs: list[str] | None, faults: list[str] | None, format: Format
) -> None:
    """Rehearse one contract, and show what came of each fault."""
    import asyncio
    import logging
    from dataclasses import asdict

    from server.contract_testing.runner import rehearse
    from server.workspace.workspace import Workspace

    space = Workspace.open(folder.resolve())
    logging.getLogger("uvicorn.error").disabled = True  # it notes each connection that is cut on purpose
    rows = asyncio.run(rehearse(space, name, parse_assignments(inputs), faults or ()))
    said: list[dict[str, object]] = [
        {**asdict(row), "done": "yes" if row.done else "no", "verdict": row.wrong or "ok"} for row in rows
    ]
    show(format, said, table(said, ("fault", "status", "sends", "effects", "done", "verdict")))
    if any(row.wrong for row in rows):
        raise typer.Exit(1)


def parse_assignments(pairs: list[str] | None) -> "dict[str, JsonValue]":
    """`name=value` pairs; a value that is JSON counts as such."""
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
