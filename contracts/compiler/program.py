"""A compiled contract: everything that the gateway needs to carry one action out."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from contracts.compiler.body import Body
from contracts.compiler.check import Check, lookup
from contracts.compiler.expressions import Expression, Scope
from contracts.compiler.inputs import InputSchema
from contracts.compiler.job_program import JobProgram
from contracts.compiler.read_program import AnyRead
from contracts.compiler.route_program import HttpProgram, RouteProgram
from contracts.compiler.template import JOINED, Template
from contracts.schema.contract import Contract
from contracts.schema.input import Input
from contracts.schema.output import Output


@dataclass(frozen=True, slots=True)
class CedarAttribute:
    """A typed attribute of the resource; `default` is the strict value, if one is declared."""

    name: str
    type: str
    value: Template
    default: JsonValue
    user_editable: bool


@dataclass(frozen=True, slots=True)
class UndoProgram:
    """The compiled undo: which contract, and its arguments from inputs, before and outputs."""

    contract: str
    arguments: Body
    late: frozenset[str]


@dataclass(frozen=True, slots=True)
class CreatedObjectRule:
    """How to find what an action made: a list in the observations, the id field, and whether an object is ours."""

    path: str
    id: str
    ours: Expression
    outputs: tuple[tuple[str, Template], ...]

    def objects(self, phase: str, scope: Scope) -> "list[Mapping[str, JsonValue]] | None":
        """The objects seen in a phase, or None when there is no such list."""
        found = lookup(f"{phase}.{self.path}", scope)
        # INVARIANT 7: an object without its id could be taken for another one
        if not isinstance(found, list) or not all(isinstance(o, Mapping) and o.get(self.id) for o in found):
            return None
        return found


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that the gateway needs to carry one contract out. Immutable; compiled off the loop.

    `document` is the contract as canonical JSON, which the evidence of a release keeps.
    """

    contract: Contract
    digest: str
    document: bytes
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
    made: CreatedObjectRule | None = None
    ours: Expression | None = None
    widens: Expression | None = None
    spends: Expression | None = None
    not_secret: tuple[str, ...] = ()
    compared: frozenset[str] = frozenset()
    refusal: Expression | None = None
    resource_shown: Template | None = None
    job: JobProgram | None = None

    def repeats(self, route: int, elapsed_ms: int | None = None) -> bool:
        """May the request of a route be sent again while it is not known whether it happened?

        `elapsed_ms`: since our idempotency key was sent first, None where nobody knows.

        Where the target honours our key or a condition, where the contract says that it is idempotent, and for a PUT
        or DELETE whose expectations name a state and not a difference (RFC 9110 section 9.2.2).
        """
        # INVARIANT 4: whatever is not clearly harmless counts as harmful
        program = self.routes[route]
        if self.contract.idempotent:
            return True
        if not isinstance(program, HttpProgram):
            return False
        # an unchanged version or key lets the target itself refuse the second one
        if program.if_match or program.stale or program.honours(elapsed_ms):
            return True
        # "one more than before" is another state after each send
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
        # flat names: with a map variable CEL would compile every misspelt name
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
    # any declared value fits the schema, and no policy of the slice reads it
    if field.enum:
        return field.enum[0]
    values: dict[str, JsonValue] = {"string": "", "secret": "", "integer": 0, "boolean": False, "array": []}
    return values[field.type]
