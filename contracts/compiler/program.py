"""A compiled contract: everything that the gateway needs to carry one action out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import orjson
from pydantic import JsonValue

from contracts.compiler.expressions import JOINED, Expression, Fault, Scope, Template
from contracts.compiler.flow_program import FlowProgram
from contracts.compiler.inputs import InputSchema
from contracts.schema.contract import Contract, Input, Output

REASON: Final[Mapping[str, JsonValue]] = {
    "type": "string",
    "minLength": 10,
    "maxLength": 300,
    "description": "Why, in your own words: a person reads it, and it is recorded as the agent's words.",
}
PREVIEW: Final[Mapping[str, JsonValue]] = {
    "type": "boolean",
    "description": "True: decide and look, change nothing, and say what would happen.",
}
RESERVED: Final = frozenset({"reason", "connection", "preview"})
MAX_ARGUMENTS: Final = 1024 * 1024
"""Bytes that the arguments of one call may have."""
_INPUT: Final = re.compile(r"\$\{inputs\.([a-z][a-z0-9_]*)\}")
HANDLE_PATTERN: Final = "^sec_[0-9A-Z]{26}$"
MAX_SECRET: Final = 8192
"""Characters that a secret may have."""
Decode = Literal["json", "xml"]


class Absence:
    """The one value of a path that leads nowhere; never equal to null."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absence()


def lookup(path: str, scope: Scope) -> object:
    """The value at a qualified path such as `before.user.profile.email`, or `ABSENT`."""
    parts = path.split(".")
    value: object = scope.get(".".join(parts[:2]), ABSENT)
    for part in parts[2:]:
        value = value.get(part, ABSENT) if isinstance(value, Mapping) else ABSENT
    return value


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
    omits_empty: tuple[str, ...] = ()
    whole: Expression | None = None


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


@dataclass(frozen=True, slots=True)
class Check:
    """A compiled condition with the sentence for when it does not hold, and the one for when it does.

    `absent` is why a field that is not there counts as met; without it such a condition has no value.
    """

    expression: Expression
    sentence: str
    so: str = ""
    absent: str = ""

    @property
    def said(self) -> str:
        """What is true when it holds."""
        return self.so or f"not the case: {self.sentence}"

    def value(self, scope: Scope) -> bool | Fault:
        """Whether it holds, or why that is not known."""
        value = self.expression.value(scope)
        if isinstance(value, bool):
            return value
        if self.absent and any(lookup(path, scope) is ABSENT for path in self.expression.paths()):
            return True
        return value if isinstance(value, Fault) else Fault("it is neither true nor false")


@dataclass(frozen=True, slots=True)
class CedarAttribute:
    """A typed attribute of the resource; `default` is the strict value, if one is declared."""

    name: str
    type: str
    value: Template
    default: JsonValue
    user_editable: bool


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON body whose strings may be templates; an absent optional input leaves its key out.

    A string that has no template is literal text.
    """

    tree: JsonValue
    templates: Mapping[str, Template]

    def filled(self, scope: Scope, absent: frozenset[str]) -> JsonValue | Fault:
        """The body for one request, or the fault of the first template without a value."""
        return self._filled(self.tree, scope, absent)

    def _filled(self, node: JsonValue, scope: Scope, absent: frozenset[str]) -> JsonValue | Fault:
        if isinstance(node, str):
            template = self.templates.get(node)
            return template.filled(scope) if template else node
        if isinstance(node, list):
            items: list[JsonValue] = []
            for item in node:
                filled = self._filled(item, scope, absent)
                if isinstance(filled, Fault):
                    return filled
                items.append(filled)
            return items
        if isinstance(node, dict):
            out: dict[str, JsonValue] = {}
            for key, item in node.items():
                if isinstance(item, str) and item in absent:
                    continue
                filled = self._filled(item, scope, absent)
                if isinstance(filled, Fault):
                    return filled
                out[key] = filled
            return out
        return node

    def call(self, scope: Scope, absent: frozenset[str]) -> bytes | Fault:
        """The arguments of a call as JSON bytes, keys sorted."""
        filled = self.filled(scope, absent)
        if isinstance(filled, Fault):
            return filled
        body = orjson.dumps(filled, option=orjson.OPT_SORT_KEYS)
        return body if len(body) <= MAX_ARGUMENTS else Fault("the arguments are larger than 1 MiB")

    def left_out(self, scope: Scope) -> frozenset[str]:
        """Whole-value templates of optional inputs that are not in scope, for a read."""
        return frozenset(t for t in self.templates if (m := _INPUT.fullmatch(t)) and f"inputs.{m[1]}" not in scope)


@dataclass(frozen=True, slots=True)
class HttpProgram:
    """One compiled HTTP route."""

    index: int
    method: str
    path: Template
    query: tuple[tuple[str, Template], ...]
    headers: tuple[tuple[str, Template], ...]
    body: Body | None
    form: tuple[tuple[str, Template], ...] | None
    timeout_ms: int
    idempotency_header: str | None
    if_match: Template | None
    ok: Expression
    declined: Expression | None
    no_effect: Expression | None
    decode: Decode = "json"
    lists: tuple[str, ...] = ()

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


@dataclass(frozen=True, slots=True)
class UndoProgram:
    """The compiled undo: which contract, and its arguments from inputs, before and outputs."""

    contract: str
    arguments: Body
    late: frozenset[str]


@dataclass(frozen=True, slots=True)
class Made:
    """How to find what an action made: a list in the observations, the id field, and whether an object is ours."""

    path: str
    id: str
    ours: Expression
    outputs: tuple[tuple[str, Template], ...]

    def objects(self, phase: str, scope: Scope) -> "list[Mapping[str, JsonValue]] | None":
        """The objects seen in a phase, or None when there is no such list."""
        found = lookup(f"{phase}.{self.path}", scope)
        if not isinstance(found, list) or not all(isinstance(o, Mapping) and o.get(self.id) for o in found):
            return None
        return found


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that the gateway needs to carry one contract out. Immutable; compiled off the loop."""

    contract: Contract
    digest: str
    inputs: InputSchema
    reads: tuple[AnyRead, ...]
    resource_type: str
    resource_id: Template
    resource_label: Template | None
    attributes: tuple[CedarAttribute, ...]
    asked: tuple[Expression, Expression] | None
    require: tuple[Check, ...]
    says: Template | None
    routes: tuple[RouteProgram, ...]
    expect: tuple[Check, ...]
    foreign: Expression | None
    outputs: tuple[tuple[str, Template], ...]
    pinned: tuple[str, ...]
    probed: tuple[str, ...]
    undo: UndoProgram | None = None
    made: Made | None = None
    ours: Expression | None = None
    widens: Expression | None = None
    spends: Expression | None = None
    not_secret: tuple[str, ...] = ()
    compared: frozenset[str] = frozenset()
    refusal: Expression | None = None
    resource_shown: Template | None = None

    def repeats(self, route: int) -> bool:
        """May the request of a route be sent again while it is not known whether it happened?

        Where the target honours our key or a condition, where the contract says that it is idempotent, and for a PUT
        or DELETE whose expectations name a state and not a difference (RFC 9110 section 9.2.2).
        """
        program = self.routes[route]
        if self.contract.idempotent:
            return True
        if not isinstance(program, HttpProgram):
            return False
        if program.idempotency_header or program.if_match:
            return True
        differs = any(p.startswith("before.") for check in self.expect for p in check.expression.paths())
        return program.method in ("PUT", "DELETE") and self.made is None and not differs

    @property
    def secret_inputs(self) -> frozenset[str]:
        """The inputs that take handles only."""
        return frozenset(name for name, field in self.contract.inputs.items() if field.type == "secret")

    @property
    def secret_outputs(self) -> Mapping[str, tuple[str, ...]]:
        """The outputs that become handles, and where each may go."""
        return {n: o.secret.to for n, o in self.contract.outputs.items() if isinstance(o, Output) and o.secret}

    @property
    def secretive(self) -> bool:
        """True when a secret passes: then no body is recorded."""
        return bool(self.secret_inputs or self.secret_outputs)

    @property
    def name(self) -> str:
        """The contract's name, which is the tool's name."""
        return self.contract.contract

    @property
    def is_write(self) -> bool:
        """True when the contract can change something."""
        return self.contract.kind == "write"

    @property
    def needs_reason(self) -> bool:
        """Writes of risk medium and above ask the agent for a reason."""
        return self.is_write and self.contract.risk != "low"

    def scope(self, params: Mapping[str, JsonValue], tenant: str, environment: str) -> dict[str, object]:
        """The names that are known before anything was read."""
        scope: dict[str, object] = {f"inputs.{name}": value for name, value in params.items()}
        scope["connection.tenant"] = tenant
        scope["connection.environment"] = environment
        return scope

    def absent(self, params: Mapping[str, JsonValue]) -> frozenset[str]:
        """Whole-value templates of optional inputs that were left out."""
        return frozenset(
            form
            for name, field in self.contract.inputs.items()
            if name not in params
            for form in whole_forms(name, field.type == "array")
        )


def whole_forms(name: str, is_list: bool) -> tuple[str, ...]:
    """The templates that are nothing but this input: itself, and a list also joined to one text."""
    joined = tuple(f"${{{function}(inputs.{name})}}" for function in JOINED) if is_list else ()
    return (f"${{inputs.{name}}}", *joined)


def placeholder(field: Input) -> JsonValue:
    """A value of an input's type, for what is not known yet and no policy reads."""
    if field.enum:
        return field.enum[0]
    values: dict[str, JsonValue] = {"string": "", "secret": "", "integer": 0, "boolean": False, "array": []}
    return values[field.type]
