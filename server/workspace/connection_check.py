"""The check of one connection: its addresses are safe to send to, and what it fetches has a version."""

from pathlib import Path

from contracts.action.http_request import check_base_url
from contracts.action.target import Mcp, Target
from contracts.errors import AilyusError
from server.workspace.settings.connection import McpPart

_LAUNCHERS = {"uvx": "==", "npx": "@"}
"""What fetches a package by itself, and what stands before a version."""


def check_connection(target: Target) -> None:
    """Raise `AilyusError` for a connection that must not be used as it is declared."""
    if target.mcp is not None:
        check_server(target.mcp)
    for url in (*_own_url(target), *((target.ui.base_url, *target.ui.origins) if target.ui else ())):
        check_base_url(url)


def check_server(part: McpPart | Mcp) -> None:
    """An MCP server has one way in, and a package that a launcher fetches has a version."""
    if bool(part.url) is bool(part.command):
        raise AilyusError("bad_settings", "an MCP server has either `url` or `command`")
    if part.url:
        check_base_url(part.url)
        return
    mark = _LAUNCHERS.get(Path(part.command[0]).name)
    packages = [word for word in part.command[1:] if not word.startswith("-")]
    if mark and not any(mark in word[1:] for word in packages):  # guard: packages have versions
        hint = f"name its version, for example `package{mark}1.2.3`"
        raise AilyusError("bad_settings", f"`{' '.join(part.command)}` is not pinned by version", hint=hint)


def _own_url(target: Target) -> tuple[str, ...]:
    """The URL to check: an MCP server or an adapter needs none, and an adapter may speak another protocol."""
    if not target.base_url and (target.mcp is not None or target.plugin is not None):
        return ()
    of_another = target.plugin is not None and not target.base_url.startswith(("http:", "https:"))
    return () if of_another else (target.base_url,)
