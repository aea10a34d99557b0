"""Commands that draft contracts for what a team has already."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, verb
from server.cli.exit_code import DONE, REFUSED
from server.cli.output import table
from server.cli.progress import working
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


@dataclass(frozen=True, slots=True)
class Drafted:
    """What was written or can be drafted, as sentences."""

    says: list[str]


@dataclass(frozen=True, slots=True)
class PinRow:
    """One tool of an MCP server that a contract calls: `as released`, or what is another."""

    file: str
    tool: str
    state: str


@dataclass(frozen=True, slots=True)
class RehearsedFault:
    """One run against one fault: how it ended, what was sent and done, and what was wrong (`ok`: nothing)."""

    fault: str
    status: str
    sends: int
    effects: int
    done: str
    note: str
    verdict: str


def register(contract: typer.Typer) -> None:
    """Add the commands to `ailyus contract`."""
    verb(contract, "import-mcp")(import_mcp)
    verb(contract, "import-openapi")(import_openapi)
    verb(contract, "draft")(draft)
    verb(contract, "pins")(pins)
    verb(contract, "test")(test)


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
) -> Answer[Drafted]:
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
    with working("asking the server for its tools"):
        lines = import_mcp(open_workspace(workspace), named, said)
    return Answer(Drafted(list(lines)), lines)


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
) -> Answer[Drafted]:
    """Draft contracts for operations of an API description."""
    from contracts.drafts.draft import DraftInput
    from server.workspace.contract_drafts import ApiConnection, import_openapi

    said, api = (
        DraftInput(risk, resource, summary, "", tuple(expect or ())),
        ApiConnection(as_, base_url, reader, writer),
    )
    space = open_workspace(workspace)
    with working("reading the description"):
        lines = import_openapi(space, file, operation or [], read, api, parse_assignments(set_), said, without or [])
    return Answer(Drafted(list(lines)), lines)


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
) -> Answer[Drafted]:
    """Draft a contract out of two curl lines. They are taken apart, not run; credentials in them are dropped."""
    from contracts.drafts.draft import DraftInput
    from server.workspace.contract_drafts import ApiConnection, draft_curl

    said, api = (
        DraftInput(risk, resource, summary, "", tuple(expect or ())),
        ApiConnection(as_, base_url, reader, writer),
    )
    space = open_workspace(workspace)
    lines = draft_curl(space, write, read, name, api, parse_assignments(set_), said)
    return Answer(Drafted(list(lines)), lines)


def pins(
    connection: Annotated[str, typer.Argument(help="The connection of an MCP server.")],
    accept: Annotated[
        bool, typer.Option("--accept", help="Write the new pins into the contracts, after you have looked.")
    ] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[list[PinRow]]:
    """Compare the tools of an MCP server with what was released; exit 1 when one is another."""
    from server.workspace.tool_pins import pins

    with working(f"asking {connection} for its tools"):
        found, written = pins(open_workspace(workspace), connection, accept)
    rows = [PinRow(str(row["file"]), str(row["tool"]), str(row["state"])) for row in found]
    changed = any(row.state != "as released" for row in rows) and not accept
    return Answer(rows, table(rows, ("file", "tool", "state")), written, code=REFUSED if changed else DONE)


def test(
    name: Annotated[str, typer.Argument(help="A contract that changes something, over HTTP or by Python.")],
    input_: Annotated[
        list[str] | None, typer.Option("--input", help="name=value, by the input's type; {n} is the fault's number.")
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Only these faults.")] = None,
    workspace: WorkspaceOption = ".",
) -> Answer[list[RehearsedFault]]:
    """Try a contract against faults between the gateway and its target, or the target's twin; exit 1 when one wins."""
    return rehearsed(Path(workspace), name, input_, fault)


def rehearsed(
    folder: Path, name: str, inputs: Sequence[str] | None, faults: Sequence[str] | None
) -> Answer[list[RehearsedFault]]:
    """Rehearse one contract, and what came of each fault."""
    import asyncio
    import logging

    from server.contract_testing.fault_result import Row
    from server.contract_testing.http_proxy import FAULTS
    from server.contract_testing.runner import rehearse
    from server.workspace.workspace import Workspace

    space = Workspace.open(folder.resolve())
    logging.getLogger("uvicorn.error").disabled = True  # it notes each connection that is cut on purpose
    ended: list[Row] = []
    with working(f"testing {name} against faults") as step:

        def tell(row: Row) -> None:
            ended.append(row)
            step(len(ended), len(faults or FAULTS))

        given: dict[str, JsonValue] = {**_pairs(inputs, "--input")}
        found = asyncio.run(rehearse(space, name, given, faults or (), tell))
    rows = [
        RehearsedFault(
            row.fault, row.status, row.sends, row.effects, "yes" if row.done else "no", row.note, row.verdict
        )
        for row in found
    ]
    lines = table(rows, ("fault", "status", "sends", "effects", "done", "verdict"))
    return Answer(rows, lines, code=REFUSED if any(row.wrong for row in found) else DONE)


def parse_assignments(pairs: Sequence[str] | None) -> "dict[str, JsonValue]":
    """`name=value` pairs; a value that is JSON counts as such."""
    out: dict[str, JsonValue] = {}
    for name, value in _pairs(pairs, "--set").items():
        try:
            out[name] = json.loads(value)
        except json.JSONDecodeError:
            out[name] = value
    return out


def _pairs(pairs: Sequence[str] | None, option: str) -> dict[str, str]:
    """`name=value` pairs as they are written."""
    out = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise AilyusError("bad_contract", f"`{pair}` sets nothing", hint=f"{option} name=value")
        out[name] = value
    return out
