"""The compiled read of the source of truth: by HTTP, by pages, by an MCP tool or by an adapter in Python."""

from dataclasses import dataclass
from typing import Literal

from contracts.compiler.body import Body
from contracts.compiler.expressions import Expression
from contracts.compiler.flow_program import FlowProgram
from contracts.compiler.page_rule import PageRule
from contracts.compiler.template import Template
from contracts.schema.rate_headers import RateHeaders

Decode = Literal["json", "xml", "csv"]


@dataclass(frozen=True, slots=True)
class Read:
    """One compiled read of the source of truth."""

    name: str
    target: str
    path: Template
    query: tuple[tuple[str, Template], ...]
    may_be_absent: bool
    method: Literal["GET", "POST"] = "GET"
    headers: tuple[tuple[str, Template], ...] = ()
    body: "Body | None" = None
    form: tuple[tuple[str, Template], ...] | None = None
    decode: Decode = "json"
    lists: tuple[str, ...] = ()
    # a target that drops empty lists would else look as if the read had failed
    omits_empty: tuple[str, ...] = ()
    whole: Expression | None = None
    pages: PageRule | None = None
    rates: tuple[RateHeaders, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowRead:
    """One compiled read of the application's pages."""

    name: str
    target: str
    flow: FlowProgram
    may_be_absent: bool


@dataclass(frozen=True, slots=True)
class McpRead:
    """One compiled read by a tool of an MCP server, pinned to its definition."""

    name: str
    target: str
    tool: str
    definition: str
    arguments: "Body"
    # a tool has no answer that means absent: every error of it may also be an outage
    may_be_absent: Literal[False] = False


@dataclass(frozen=True, slots=True)
class PythonRead:
    """One compiled read by an adapter in Python; absent is what it gives as None."""

    name: str
    target: str
    operation: str
    arguments: "Body"
    may_be_absent: bool


AnyRead = Read | FlowRead | McpRead | PythonRead
