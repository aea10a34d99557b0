"""Commands that connect an MCP client: its configuration, and the bridge on standard input and output."""

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from contracts.errors import AilyusError
from server.cli.answer import verb
from server.cli.choice import agent_of
from server.cli.exit_code import REFUSED
from server.cli.output import note
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from pydantic import JsonValue

    from server.cli.clients import McpClient
    from server.workspace.workspace import Workspace

VARIABLE: Final = "AILYUS_TOKEN"
_ADDRESS_HINT: Final = "such as https://ailyus.example.com/mcp; at the gateway `ailyus connect http` prints it"

AgentOption = Annotated[
    str | None, typer.Option("--agent", help="The agent that the client is; else the only one with a token here.")
]


def register(run: typer.Typer) -> None:
    """Add the commands."""
    verb(run, "stdio")(stdio)
    verb(run, "connect")(connect)


def stdio(
    agent: AgentOption = None,
    workspace: WorkspaceOption = ".",
) -> None:
    """Bridge an MCP client on standard input and output to the workspace's gateway."""
    from server.admin.client import ensure_owner
    from server.cli.bridge import Bridge, token_for

    space = open_workspace(workspace)
    ensure_owner(space)  # before the first message: a client gives up on a server that is slow to say hello

    async def run() -> None:
        # looked up when the gateway runs: it makes the first agent of a sandbox workspace
        await Bridge(space, token_for(space, agent_of(space, agent))).run()

    asyncio.run(run())


def connect(
    client: Annotated[
        Literal[
            "print", "http", "claude-code", "claude-desktop", "codex", "cursor", "gemini-cli", "vscode", "windsurf"
        ],
        typer.Argument(help="The MCP client; `print` shows an entry for any other, `http` one for another machine's."),
    ],
    agent: AgentOption = None,
    name: Annotated[str, typer.Option(help="What the client calls this server.")] = "ailyus",
    remove: Annotated[bool, typer.Option("--remove", help="Take the entry out again.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Only show what would be written.")] = False,
    url: Annotated[
        str, typer.Option(metavar="ADDRESS", help="A gateway elsewhere, such as https://ailyus.example.com/mcp.")
    ] = "",
    token_env: Annotated[
        str, typer.Option(help="With --url: the variable of the client that holds the agent's token.")
    ] = VARIABLE,
    oauth: Annotated[bool, typer.Option("--oauth", help="With --url: people sign in, and there is no token.")] = False,
    workspace: WorkspaceOption = ".",
) -> None:
    """Connect an MCP client to this workspace or to a gateway elsewhere: write the file that the client reads.

    Where the client is not found, the entry is printed, and the exit code is 1.
    """
    from server.cli.clients import client_of, command

    if (oauth or token_env != VARIABLE) and not url:
        raise AilyusError("bad_settings", "`--oauth` and `--token-env` are about a gateway elsewhere", hint="add --url")
    if client == "http":
        _print(
            _generic(name, url, None if oauth else token_env) if url else _over_http(open_workspace(workspace), name)
        )
        return
    found = client_of("cursor" if client == "print" else client)
    if remove:
        if client == "print" or not found.is_found:
            raise AilyusError("bad_settings", f"`{found.file}` is not there", hint="there is nothing to take out")
        changed = found.put(name, None)
        typer.echo(f"took `{name}` out of {found.file}" if changed else f"`{name}` was not in {found.file}")
        return
    if url:
        entry = _remote(client, found, name, url, None if oauth else token_env)
    else:
        space = open_workspace(workspace)
        program, before = command()
        arguments = [*before, "stdio", "--agent", agent_of(space, agent), "--workspace", str(space.root)]
        entry = found.entry(program, arguments)
    if client == "print" or only_print:
        typer.echo(found.text(name, entry), nl=False)
        return
    if not found.is_found:
        # a script would go on as if it were connected, so this is no success
        note(f"{client} was not found here, and nothing was written; put this into {found.file}:")
        typer.echo(found.text(name, entry), nl=False)
        raise typer.Exit(REFUSED)
    changed = found.put(name, entry)
    typer.echo(f"wrote `{name}` into {found.file}" if changed else f"`{name}` is in {found.file} already")
    typer.echo(f"restart the client; `ailyus connect {client} --remove` takes it out again")


def _remote(client: str, found: "McpClient", name: str, url: str, variable: str | None) -> "dict[str, JsonValue]":
    """The entry of a gateway elsewhere, and a word about what it needs besides."""
    _require_address(url)
    if not found.url:
        hint = "add the address under Settings, Connectors; or use a client whose file takes one"
        raise AilyusError("bad_settings", f"{client} takes no address from {found.file.name}", hint=hint)
    if variable is not None:
        _require_variable(variable)
        way = f"set {variable} to it where {client} starts" if found.reference else f"{client} asks for it, once"
        note(f"the agent's token (`ailyus agent add` at the gateway) stands in no file: {way}")
    return found.remote(name, url, variable)


def _generic(name: str, url: str, variable: str | None) -> "dict[str, JsonValue]":
    """The entry for any other client; how it refers to a variable is its own."""
    _require_address(url)
    entry: dict[str, JsonValue] = {"type": "http", "url": url}
    if variable is not None:
        _require_variable(variable)
        entry["headers"] = {"Authorization": f"Bearer ${{{variable}}}"}
    return {"mcpServers": {name: entry}}


def _require_address(url: str) -> None:
    """Is this the address of a gateway's endpoint, by which a token may travel? Raises `bad_settings`."""
    from urllib.parse import urlsplit

    from server.workspace.hosts import host_fault

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise AilyusError("bad_settings", f"`{url}` is no address", hint=_ADDRESS_HINT) from None
    if parts.scheme not in ("https", "http") or host_fault(parts.netloc) or parts.query or parts.fragment:
        raise AilyusError("bad_settings", f"`{url}` is no address of a gateway", hint=_ADDRESS_HINT)
    if not parts.path.endswith("/mcp"):
        raise AilyusError("bad_settings", f"`{url}` does not end in `/mcp`", hint=_ADDRESS_HINT)
    # whoever is on the way would read the token
    if parts.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise AilyusError(
            "bad_settings", f"`{url}` is plain HTTP", hint="use https: the agent's token goes with each call"
        )


def _require_variable(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise AilyusError("bad_settings", f"`{name}` is no name of a variable", hint=f"such as {VARIABLE}")


def _print(document: "Mapping[str, JsonValue]") -> None:
    import orjson

    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _over_http(space: "Workspace", name: str) -> "dict[str, JsonValue]":
    """The entry of a client that calls the gateway by its public address; its token is left to be filled in."""
    from server.admin.client import find_owner
    from server.admin.owner_transport import bound_of
    from server.workspace.public_address import public_address

    owner = find_owner(space)
    address = public_address(space.settings, bound_of(space.settings.server, owner.url if owner else ""))
    entry: dict[str, JsonValue] = {"type": "http", "url": address.mcp}
    if space.settings.oauth is None:  # else the client finds the authorization server by itself
        entry["headers"] = {"Authorization": "Bearer TOKEN"}
        note("TOKEN is the agent's: `ailyus agent add` makes one, in .ailyus/agents/")
    return {"mcpServers": {name: entry}}
