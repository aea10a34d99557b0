"""The compiled route by which an action is carried out: HTTP, pages, an MCP tool or an adapter in Python."""

from dataclasses import dataclass
from typing import Final

from contracts.compiler.body import Body
from contracts.compiler.expressions import Expression
from contracts.compiler.flow_program import FlowProgram
from contracts.compiler.read_program import Decode
from contracts.compiler.template import Template
from contracts.schema.idempotency_key import IdempotencyKey
from contracts.schema.rate_headers import RateHeaders

FURTHER_SEND_MS: Final = 60_000
"""From the look that finds nothing until the next attempt leaves: the target's wish to wait, and another decision."""


@dataclass(frozen=True, slots=True)
class HttpProgram:
    """One compiled HTTP route."""

    # the place in `execute`: intents, halts and receipts name a route by it
    index: int
    method: str
    path: Template
    query: tuple[tuple[str, Template], ...]
    headers: tuple[tuple[str, Template], ...]
    body: Body | None
    form: tuple[tuple[str, Template], ...] | None
    timeout_ms: int
    key: IdempotencyKey | None
    if_match: Template | None
    ok: Expression
    declined: Expression | None
    no_effect: Expression | None
    decode: Decode = "json"
    lists: tuple[str, ...] = ()
    stale: Expression | None = None
    rates: tuple[RateHeaders, ...] = ()

    def honours(self, elapsed_ms: int | None) -> bool:
        """Will the target still know our key, first sent so long ago (None: nobody knows), when another send ends?"""
        if self.key is None or self.key.within is None:
            return self.key is not None
        # guard: the window of a key
        return elapsed_ms is not None and elapsed_ms + FURTHER_SEND_MS + self.timeout_ms < self.key.within

    @property
    def said(self) -> str:
        """The route as approvals and receipts name it, for example `http:POST`."""
        return f"http:{self.method}"

    @property
    def place(self) -> str:
        """Where it goes, for people."""
        return self.path.source


@dataclass(frozen=True, slots=True)
class BrowserProgram:
    """One compiled browser route."""

    index: int
    flow: FlowProgram
    timeout_ms: int

    @property
    def said(self) -> str:
        """The route as approvals and receipts name it, for example `browser:close_ticket`."""
        return f"browser:{self.flow.flow.flow}"

    @property
    def place(self) -> str:
        """Where it goes, for people."""
        # a flow that only reads has no commit
        commit = next((s.commit for s in self.flow.flow.steps if s.commit), None)
        return f"{commit.method} {commit.path}" if commit else ""


@dataclass(frozen=True, slots=True)
class McpProgram:
    """One compiled call of a tool of an MCP server, pinned to its definition."""

    index: int
    tool: str
    definition: str
    arguments: Body
    timeout_ms: int
    ok: Expression
    declined: Expression | None
    no_effect: Expression | None

    @property
    def said(self) -> str:
        """The route as approvals and receipts name it, for example `mcp:create_branch`."""
        return f"mcp:{self.tool}"

    @property
    def place(self) -> str:
        """Where it goes, for people."""
        # the pin and not the server's description, which is the server's word
        return f"as defined by {self.definition[:12]}"


@dataclass(frozen=True, slots=True)
class PythonProgram:
    """One compiled call of an adapter in Python."""

    index: int
    operation: str
    arguments: Body
    timeout_ms: int
    ok: Expression
    declined: Expression | None
    no_effect: Expression | None

    @property
    def said(self) -> str:
        """The route as approvals and receipts name it, for example `python:add_member`."""
        return f"python:{self.operation}"

    @property
    def place(self) -> str:
        """Where it goes, for people."""
        return "by the connection's adapter"


RouteProgram = HttpProgram | BrowserProgram | McpProgram | PythonProgram
