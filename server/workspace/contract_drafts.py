"""Drafts on disk: connects to the server that is named, writes contracts and the connection, overwrites nothing."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from contracts.action.http_request import check_base_url
from contracts.drafts.curl_draft import draft_lines
from contracts.drafts.draft import Draft, DraftInput, refuse_unused
from contracts.drafts.mcp_import import draft_tool
from contracts.drafts.openapi import Description
from contracts.errors import AilyusError
from contracts.text.document import read_document
from contracts.text.draft_mark import marked
from contracts.text.todo import todos
from server.workspace.connection_check import check_server
from server.workspace.connection_entry import add_connection, add_mcp_connection
from server.workspace.schemas import write_file
from server.workspace.settings.file import FILE
from server.workspace.upstream_server import UpstreamServer, kind_of, listed
from server.workspace.workspace import Workspace

NEXT: Final = (
    "next: `ailyus contract check` names what is still to do; then take the line `draft: true` away, where there is "
    "one, and permit the action by a policy"
)


def import_mcp(workspace: Workspace, named: UpstreamServer, said: DraftInput) -> list[str]:
    """Write drafts for the named tools and, where it is new, the connection. Returns what to say."""
    kind = named.kind or kind_of(named.part)
    known = workspace.settings.connections.get(kind)
    part = known.mcp if known is not None and known.mcp is not None else named.part
    if known is not None and known.mcp is None:
        hint = "name another with --as, or add its [connections.NAME.mcp] yourself"
        raise AilyusError("bad_settings", f"the connection `{kind}` has no MCP server", hint=hint)
    check_server(part)
    tools = asyncio.run(listed(workspace, kind, part, named.credential))
    # a list is all that somebody can want who has named no tool
    if not named.tools:
        lines = [f"  {tool.get('name')}: {str(tool.get('description') or '')[:90]}" for tool in tools]
        return [f"{len(tools)} tools; name those to govern with --tool:", *lines]
    label = part.url or " ".join(part.command)
    drafts = [draft_tool(tools, tool, named.reads, kind, label, named.fixed) for tool in named.tools]
    refuse_unused(drafts)  # before anything is written: a misspelt `--set` leaves no half of the drafts
    lines = [write(workspace, draft, said) for draft in drafts]
    if known is None:
        add_mcp_connection(workspace, kind, part, named.credential)
        lines.append(f"added [connections.{kind}] to {FILE}")
    return [*lines, NEXT]


@dataclass(frozen=True, slots=True)
class ApiConnection:
    """The connection of a drafted API: its base URL, and references to what reads and what writes."""

    name: str
    base_url: str = ""
    read: str = "none"
    write: str = "none"


def import_openapi(
    workspace: Workspace,
    file: Path,
    operations: Sequence[str],
    read: str,
    api: ApiConnection,
    fixed: Mapping[str, JsonValue],
    said: DraftInput,
    without: Sequence[str] = (),
) -> list[str]:
    """Write drafts of the named operations of one description. Returns what to say."""
    description = Description.load(file)
    if not operations:
        lines = [f"  {o.id or o.said}: {o.said}" for o in description.operations]
        return [f"{len(lines)} operations; name those to govern with --operation:", *lines]
    drafts = [description.draft(operation, read, api.name, dict(fixed), without) for operation in operations]
    refuse_unused(drafts)
    lines = [line for draft in drafts for line in (write(workspace, draft, said), *draft.notes)]
    return [*lines, *_reach(workspace, api, drafts[0].credential)]


def draft_curl(
    workspace: Workspace,
    writing: str,
    reading: str,
    name: str,
    api: ApiConnection,
    fixed: Mapping[str, JsonValue],
    said: DraftInput,
) -> list[str]:
    """Write the draft of two curl lines. Returns what to say."""
    known = next((c.base_url for c in workspace.settings.connections.values() if c.kind == api.name), api.base_url)
    draft, base_url = draft_lines(writing, reading, name, api.name, dict(fixed), known)
    api = replace(api, base_url=api.base_url or base_url)
    return [write(workspace, draft, said), *draft.notes, *_reach(workspace, api, draft.credential)]


def _reach(workspace: Workspace, api: ApiConnection, credential: tuple[str, str] | None) -> list[str]:
    """Add the connection where it is new and its base URL is known, with the header that the credential stands in."""
    header, scheme = credential or ("Authorization", "Bearer")
    known = [c for c in workspace.settings.connections.values() if c.kind == api.name]
    if known:
        other = [c for c in known if (c.header.lower(), c.scheme) != (header.lower(), scheme)]
        if credential is None or not other:
            return [NEXT]
        word = f"`header = {json.dumps(header)}`, `scheme = {json.dumps(scheme)}`"
        return [f"the connection sends its credential otherwise: compare it with {word}", NEXT]
    if not api.base_url:
        return [f"add [connections.{api.name}] with `base_url` to {FILE}", NEXT]
    # before it is written: a credential must not go out in clear by a file of ours
    check_base_url(api.base_url)
    lines = [f"base_url = {json.dumps(api.base_url)}", "direct = false"]
    lines += [f"header = {json.dumps(header)}", f"scheme = {json.dumps(scheme)}"] if credential else []
    add_connection(workspace, api.name, api.read, api.write, lines)
    told = [f"added [connections.{api.name}] to {FILE}"]
    if credential and "none" in (api.read, api.write):
        said = f"{header}: {scheme} …" if scheme else f"{header}: …"
        what = "; for Basic it is the Base64 of `user:password`" if scheme.lower() == "basic" else ""
        told.append(
            f"its credential (`{said}`) was not kept: name it in `read` and `write` (env:NAME or file:PATH){what}"
        )
    return [*told, NEXT]


def write(workspace: Workspace, draft: Draft, said: DraftInput) -> str:
    """Write one draft; an existing file is never touched."""
    path = workspace.root / "contracts" / draft.target / f"{draft.name}.yaml"
    if path.exists():  # a contract is somebody's words by now, and a release may name its digest
        where = path.relative_to(workspace.root)
        raise AilyusError("bad_contract", f"`{where}` exists already", hint="edit it, or move it away")
    text = draft.text(said)
    content = read_document(text)[1]
    if isinstance(content, dict) and any(todos(content)):
        text = marked(text)  # a half-written contract keeps no gateway from starting
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(workspace.root, path, text)
    return f"wrote {path.relative_to(workspace.root)}"
