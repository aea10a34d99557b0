"""The entry of a new connection in `ailyus.toml`."""

import json
from collections.abc import Sequence

from contracts.errors import AilyusError
from server.workspace.library.connection_text import tenant_of
from server.workspace.settings.connection import McpPart
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace


def add_mcp_connection(workspace: Workspace, name: str, part: McpPart, credential: str) -> None:
    """The connection of an MCP server."""
    lines = [f"\n[connections.{name}.mcp]"]
    if part.url:
        lines.append(f"url = {json.dumps(part.url)}")
    else:
        lines.append(f"command = {json.dumps(list(part.command))}")
    if part.variables:
        pairs = ", ".join(f"{n} = {json.dumps(v)}" for n, v in part.variables.items())
        lines.append(f"variables = {{{pairs}}}")
    if part.directory:
        lines.append(f"directory = {json.dumps(part.directory)}")
    add_connection(workspace, name, credential, credential, lines)


def add_connection(workspace: Workspace, name: str, read: str, write: str, more: Sequence[str]) -> None:
    """Add a connection to the settings, or leave them as they are."""
    settings = workspace.settings
    lines = [f"\n[connections.{name}]", f'kind = "{name}"', f"tenant = {json.dumps(tenant_of(settings))}"]
    lines += [f"environment = {json.dumps(settings.environments[0])}", f"read = {json.dumps(read)}"]
    lines += [f"write = {json.dumps(write)}", f'principal = "{name}"', *more]
    # appended as text: nothing of what people wrote there is moved or formatted anew
    path = workspace.root / FILE
    before = path.read_text(encoding="utf-8")
    path.write_text(before.rstrip("\n") + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    try:
        Workspace.open(workspace.root)
    except AilyusError:  # a file that no longer loads would keep the gateway from starting
        path.write_text(before, encoding="utf-8")
        raise
