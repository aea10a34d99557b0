"""Drafts on disk: connects to the server that is named, writes contracts and the connection, overwrites nothing."""

import asyncio
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import JsonValue

from adapters.mcp.pool import Servers
from adapters.mcp.sessions import FETCH_SECONDS
from adapters.mcp.talk import Lost
from contracts.action.http_request import check_base_url
from contracts.action.mcp_request import definition_of
from contracts.action.target import Mcp, Target
from contracts.drafts.curl_draft import draft_lines
from contracts.drafts.draft import Draft, DraftInput, identifier, refuse_unused
from contracts.drafts.mcp_import import Tool, draft_tool
from contracts.drafts.openapi import Description
from contracts.errors import AilyusError
from contracts.text.document import read_document
from contracts.text.source import Malformed, files_of, read_source
from server.workspace.schemas import write_file
from server.workspace.settings import McpPart
from server.workspace.workspace import FILE, Workspace, check_server

_ALWAYS = ("PATH", "HOME", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
_OF_LAUNCHERS = ("UV_", "npm_config_", "NPM_CONFIG_")


@dataclass(frozen=True, slots=True)
class Named:
    """How a person names an upstream server on the command line, and what of it is to be governed."""

    server: str
    kind: str = ""
    tools: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    fixed: Mapping[str, JsonValue] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    directory: str = ""
    credential: str = "none"

    @property
    def part(self) -> McpPart:
        """The settings of its connection. A command is split as a shell would, and run without one."""
        if self.server.startswith(("http://", "https://")):
            return McpPart(url=self.server)
        try:
            command = tuple(shlex.split(self.server))
        except ValueError as error:
            raise AilyusError("bad_settings", f"`{self.server}` is no command: {error}", hint="quote it") from None
        if not command:
            raise AilyusError("bad_settings", "there is no command", hint="give a URL or a command")
        launcher = Path(command[0]).name in ("uvx", "npx")
        names = {n for n in os.environ if launcher and (n in _ALWAYS or n.startswith(_OF_LAUNCHERS))}
        variables = {n: f"env:{n}" for n in sorted(names)}
        for given in self.variables:
            name, equals, text = given.partition("=")
            variables[name] = f"text:{text}" if equals else f"env:{name}"
        return McpPart(command=command, variables=variables, directory=self.directory)


def import_mcp(workspace: Workspace, named: Named, said: DraftInput) -> list[str]:
    """Write drafts for the named tools and, where it is new, the connection. Returns what to say."""
    kind = named.kind or _kind_of(named.part)
    known = workspace.settings.connections.get(kind)
    part = known.mcp if known is not None and known.mcp is not None else named.part
    if known is not None and known.mcp is None:
        hint = "name another with --as, or add its [connections.NAME.mcp] yourself"
        raise AilyusError("bad_settings", f"the connection `{kind}` has no MCP server", hint=hint)
    check_server(part)
    tools = asyncio.run(listed(workspace, kind, part, named.credential))
    if not named.tools:
        lines = [f"  {tool.get('name')}: {str(tool.get('description') or '')[:90]}" for tool in tools]
        return [f"{len(tools)} tools; name those to govern with --tool:", *lines]
    label = part.url or " ".join(part.command)
    drafts = [draft_tool(tools, tool, named.reads, kind, label, named.fixed) for tool in named.tools]
    refuse_unused(drafts)
    lines = [write(workspace, draft, said) for draft in drafts]
    if known is None:
        _connect(workspace, kind, part, named.credential)
        lines.append(f"added [connections.{kind}] to {FILE}")
    return [*lines, "next: fill what is still to do (`ailyus contract check`), and permit it by a policy"]


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
    following = "next: fill what is still to do (`ailyus contract check`), and permit it by a policy"
    header, scheme = credential or ("Authorization", "Bearer")
    known = [c for c in workspace.settings.connections.values() if c.kind == api.name]
    if known:
        other = [c for c in known if (c.header.lower(), c.scheme) != (header.lower(), scheme)]
        if credential is None or not other:
            return [following]
        word = f"`header = {json.dumps(header)}`, `scheme = {json.dumps(scheme)}`"
        return [f"the connection sends its credential otherwise: compare it with {word}", following]
    if not api.base_url:
        return [f"add [connections.{api.name}] with `base_url` to {FILE}", following]
    check_base_url(api.base_url)
    lines = [f"base_url = {json.dumps(api.base_url)}", "direct = false"]
    lines += [f"header = {json.dumps(header)}", f"scheme = {json.dumps(scheme)}"] if credential else []
    _add_connection(workspace, api.name, api.read, api.write, lines)
    told = [f"added [connections.{api.name}] to {FILE}"]
    if credential and "none" in (api.read, api.write):
        said = f"{header}: {scheme} …" if scheme else f"{header}: …"
        what = "; for Basic it is the Base64 of `user:password`" if scheme.lower() == "basic" else ""
        told.append(
            f"its credential (`{said}`) was not kept: name it in `read` and `write` (env:NAME or file:PATH){what}"
        )
    return [*told, following]


def write(workspace: Workspace, draft: Draft, said: DraftInput) -> str:
    """Write one draft; an existing file is never touched."""
    path = workspace.root / "contracts" / draft.target / f"{draft.name}.yaml"
    if path.exists():
        where = path.relative_to(workspace.root)
        raise AilyusError("bad_contract", f"`{where}` exists already", hint="edit it, or move it away")
    text = draft.text(said)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(workspace.root, path, text)
    return f"wrote {path.relative_to(workspace.root)}"


async def listed(workspace: Workspace, kind: str, part: McpPart, credential: str) -> list[Tool]:
    """The tools of a server as it defines them now."""
    mcp = Mcp(part.url, part.command, tuple(sorted(part.variables.items())), part.directory)
    target = Target(kind, kind, "", "", "", credential, credential, "", mcp=mcp)
    servers = Servers(workspace.root, FETCH_SECONDS)
    try:
        tools: list[Tool] = [*await (await servers.of(target, "", credential)).tools()]
        return tools
    except Lost as lost:
        raise AilyusError("no_server", f"`{part.url or ' '.join(part.command)}`: {lost.sentence}") from None
    finally:
        await servers.close()


def pins(workspace: Workspace, name: str, accept: bool) -> tuple[list[dict[str, object]], list[str]]:
    """Compare every pinned tool of a connection with what the server says now; `accept` writes the new pins down."""
    connection = workspace.settings.connections.get(name)
    if connection is None or connection.mcp is None:
        raise AilyusError("not_found", f"there is no connection `{name}` with an MCP server", hint=f"see {FILE}")
    tools = {str(t.get("name")): t for t in asyncio.run(listed(workspace, name, connection.mcp, connection.read))}
    rows: list[dict[str, object]] = []
    written: list[str] = []
    for path in files_of(workspace.root / "contracts", "*.yaml"):
        try:
            text = changed = read_source(path)
            content = read_document(text)[1]
        except Malformed as error:
            where = f"{path.relative_to(workspace.root)}:{error.line}"
            raise AilyusError("bad_contract", str(error), hint="run `ailyus contract check`", field=where) from None
        for tool, pin in _pinned(content, connection.kind):
            now = definition_of(tools[tool]) if tool in tools else ""
            state = "as released" if now == pin else "changed" if now else "gone"
            rows.append({"file": str(path.relative_to(workspace.root)), "tool": tool, "state": state})
            if now and accept:
                changed = changed.replace(pin, now)
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


def _kind_of(part: McpPart) -> str:
    """A name for a connection out of a package's, for example `git` out of `mcp-server-git==2026.10.19`."""
    words: Sequence[str] = (
        part.command[1:] if Path(part.command[0] if part.command else "").name in ("uvx", "npx") else part.command[:1]
    )
    own = next((word for word in words if not word.startswith("-")), part.url.split("//")[-1])
    package = own.split("/")[-1].split("==")[0].split("@")[0] or "upstream"
    return identifier(package).removeprefix("mcp_server_").removeprefix("server_") or "upstream"


def _connect(workspace: Workspace, name: str, part: McpPart, credential: str) -> None:
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
    _add_connection(workspace, name, credential, credential, lines)


def _add_connection(workspace: Workspace, name: str, read: str, write: str, more: Sequence[str]) -> None:
    """Add a connection to the settings, or leave them as they are."""
    settings = workspace.settings
    tenants = sorted({p.tenant for p in settings.people} | {c.tenant for c in settings.connections.values()})
    people = sorted({p.tenant for p in settings.people})
    own = people[0] if len(people) == 1 else tenants[0] if tenants else "main"
    lines = [f"\n[connections.{name}]", f'kind = "{name}"', f"tenant = {json.dumps(own)}"]
    lines += [f"environment = {json.dumps(settings.environments[0])}", f"read = {json.dumps(read)}"]
    lines += [f"write = {json.dumps(write)}", f'principal = "{name}"', *more]
    path = workspace.root / FILE
    before = path.read_text(encoding="utf-8")
    path.write_text(before.rstrip("\n") + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    try:
        Workspace.open(workspace.root)
    except AilyusError:
        path.write_text(before, encoding="utf-8")
        raise
