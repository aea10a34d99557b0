"""Commands that connect an MCP client: its configuration, and the bridge on standard input and output."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from contracts.errors import AilyusError
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from pydantic import JsonValue

    from server.workspace.workspace import Workspace


def stdio(
    agent: Annotated[str, typer.Option(help="The agent whose token file is used.")] = "support-bot",
    workspace: WorkspaceOption = ".",
) -> None:
    """Bridge an MCP client on standard input and output to the workspace's gateway."""
    from server.admin.client import ensure_owner
    from server.cli.bridge import Bridge, token_for

    space = open_workspace(workspace)
    ensure_owner(space)  # before the first message: a client gives up on a server that is slow to say hello

    async def run() -> None:
        await Bridge(space, token_for(space, agent)).run()

    asyncio.run(run())


def connect(
    client: Annotated[
        Literal["print", "http", "claude-code", "claude-desktop", "cursor", "vscode"],
        typer.Argument(help="The MCP client; `print` shows an entry for any other, `http` one for another machine's."),
    ],
    agent: Annotated[str, typer.Option(help="The agent that the client is.")] = "support-bot",
    name: Annotated[str, typer.Option(help="What the client calls this server.")] = "ailyus",
    remove: Annotated[bool, typer.Option("--remove", help="Take the entry out again.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Only show what would be written.")] = False,
    workspace: WorkspaceOption = ".",
) -> None:
    """Connect an MCP client to this workspace: write its own configuration where it is found, else print it."""
    import orjson

    from server.cli.clients import client_of, command

    if client == "http":
        typer.echo(orjson.dumps(_over_http(open_workspace(workspace), name), option=orjson.OPT_INDENT_2).decode())
        return
    found = client_of("cursor" if client == "print" else client)
    if remove:
        if client == "print" or not found.is_found:
            raise AilyusError("bad_settings", f"`{found.file}` is not there", hint="there is nothing to take out")
        changed = found.put(name, None)
        typer.echo(f"took `{name}` out of {found.file}" if changed else f"`{name}` was not in {found.file}")
        return
    space = open_workspace(workspace)
    program, before = command()
    entry = found.entry(program, [*before, "stdio", "--agent", agent, "--workspace", str(space.root)])
    if client == "print" or only_print or not found.is_found:
        if client != "print" and not only_print:
            typer.echo(f"{client} was not found here; put this into its {found.file.name}:", err=True)
        typer.echo(orjson.dumps({found.key: {name: entry}}, option=orjson.OPT_INDENT_2).decode())
        return
    changed = found.put(name, entry)
    typer.echo(f"wrote `{name}` into {found.file}" if changed else f"`{name}` is in {found.file} already")
    typer.echo(f"restart the client; `ailyus connect {client} --remove` takes it out again")


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
        typer.echo("TOKEN is the agent's: `ailyus agent add` makes one, in .ailyus/agents/", err=True)
    return {"mcpServers": {name: entry}}
