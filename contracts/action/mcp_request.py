"""One rendered call of a tool of an MCP server: built before the intent, named by it, and made exactly so."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import JsonValue

from contracts.canonical import digest, sha256
from contracts.compiler.expressions import Fault, Scope
from contracts.compiler.read_program import McpRead
from contracts.compiler.route_program import McpProgram

_PINNED: Final = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


@dataclass(frozen=True, slots=True)
class McpRequest:
    """The server's connection, the tool with the definition that it must have, and its arguments as JSON bytes.

    Where a secret belongs stands its handle; `handles` are those with their destinations (`contract.input`). The value
    takes the handle's place only on the wire.
    """

    server: str
    tool: str
    definition: str
    body: bytes
    handles: tuple[tuple[str, str], ...] = ()

    @property
    def method(self) -> str:
        """How receipts name it beside HTTP methods: the protocol's own name of the call."""
        return "tools/call"

    @property
    def url(self) -> str:
        """Where it goes, for example `mcp:git/git_create_branch`."""
        return f"mcp:{self.server}/{self.tool}"

    @property
    def digest(self) -> str:
        """Digest over place, definition and the arguments' SHA-256."""
        return digest([self.method, self.url, self.definition, sha256(self.body)])

    @property
    def arguments(self) -> dict[str, JsonValue]:
        """The arguments, parsed."""
        found: dict[str, JsonValue] = orjson.loads(self.body)
        return found


def definition_of(tool: Mapping[str, JsonValue]) -> str:
    """The pin of a tool: SHA-256 over name, title, description, both schemas and annotations as JSON, keys sorted.

    `tool` is an entry of `tools/list` (MCP 2026-07-28, server/tools). Whatever a model or a client could be misled by
    is part of it; `_meta` and icons are not.
    """
    pinned = {key: tool[key] for key in _PINNED if tool.get(key) is not None}
    return hashlib.sha256(orjson.dumps(pinned, option=orjson.OPT_SORT_KEYS)).hexdigest()


def render_mcp(
    call: McpRead | McpProgram,
    server: str,
    scope: Scope,
    absent: frozenset[str] = frozenset(),
    handles: tuple[tuple[str, str], ...] = (),
) -> McpRequest | Fault:
    """The call of one request, or the fault of the first argument that has no value."""
    if isinstance(call, McpRead):
        absent |= call.arguments.left_out(scope)
    body = call.arguments.call(scope, absent)
    return body if isinstance(body, Fault) else McpRequest(server, call.tool, call.definition, body, handles)
