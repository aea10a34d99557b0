"""The pins of upstream tools: what contracts say of a definition, compared with what the server says now."""

import asyncio

from contracts.action.mcp_request import definition_of
from contracts.errors import AilyusError
from contracts.text.document import read_document
from contracts.text.source import MalformedSource, files_of, read_source
from server.workspace.settings.file import FILE
from server.workspace.targets import targets_of
from server.workspace.upstream_server import listed
from server.workspace.workspace import Workspace


def pins(workspace: Workspace, name: str, accept: bool) -> tuple[list[dict[str, object]], list[str]]:
    """Compare every pinned tool of a connection with what the server says now; `accept` writes the new pins down."""
    connection = workspace.settings.connections.get(name)
    if connection is None or connection.mcp is None:
        raise AilyusError("not_found", f"there is no connection `{name}` with an MCP server", hint=f"see {FILE}")
    credential = targets_of(workspace.settings)[name].read
    tools = {str(t.get("name")): t for t in asyncio.run(listed(workspace, name, connection.mcp, credential))}
    rows: list[dict[str, object]] = []
    written: list[str] = []
    for path in files_of(workspace.root / "contracts", "*.yaml"):
        try:
            text = changed = read_source(path)
            content = read_document(text)[1]
        except MalformedSource as error:
            where = f"{path.relative_to(workspace.root)}:{error.line}"
            raise AilyusError("bad_contract", str(error), hint="run `ailyus contract check`", field=where) from None
        for tool, pin in _pinned(content, connection.kind):
            now = definition_of(tools[tool]) if tool in tools else ""
            state = "as released" if now == pin else "changed" if now else "gone"
            rows.append({"file": str(path.relative_to(workspace.root)), "tool": tool, "state": state})
            if now and accept:
                changed = changed.replace(pin, now)
        # as text: a YAML writer would lose the comments that its author wrote
        if changed != text:
            path.write_text(changed, encoding="utf-8")
            written.append(f"pinned anew: {path.relative_to(workspace.root)}; give it a new `version`")
    return rows, written


def _pinned(content: object, kind: str) -> list[tuple[str, str]]:
    if not isinstance(content, dict) or content.get("target") != kind:
        return []
    observed, routes = content.get("observe"), content.get("execute")
    parts: list[object] = list(observed.values()) if isinstance(observed, dict) else []
    parts += routes if isinstance(routes, list) else []
    calls = [part["mcp"] for part in parts if isinstance(part, dict) and isinstance(part.get("mcp"), dict)]
    return [(str(call.get("tool")), str(call.get("definition"))) for call in calls]
