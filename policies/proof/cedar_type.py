"""The types of Cedar that the generated schema uses, and those of an action's context and resource."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from contracts.compiler.program import Program
from policies.schema import RESERVED_ROLE, enum_type

Primitive = Literal["Bool", "Long", "String", "decimal", "datetime", "duration"]


@dataclass(frozen=True, slots=True)
class SetType:
    """A set of one type."""

    of: "CedarType"


@dataclass(frozen=True, slots=True)
class EntityRef:
    """A reference to an entity of one type."""

    name: str


@dataclass(frozen=True, slots=True)
class AttributeType:
    """The type of one attribute, and whether it is always there."""

    type: "CedarType"
    required: bool = True


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record, attribute by attribute."""

    attributes: Mapping[str, AttributeType]


CedarType = Primitive | SetType | EntityRef | RecordType

_ATTRIBUTE: Mapping[str, CedarType] = MappingProxyType(
    {"Bool": "Bool", "Long": "Long", "String": "String", "Decimal": "decimal", "SetOfString": SetType("String")}
)
_INPUT: Mapping[str, CedarType] = MappingProxyType(
    {"string": "String", "secret": "String", "integer": "Long", "boolean": "Bool"}
)


def record(**attributes: CedarType) -> RecordType:
    """A record whose attributes are all required."""
    return RecordType({name: AttributeType(type_) for name, type_ in attributes.items()})


_ENV = record(now="datetime", changeFreeze="Bool", weekday="Long", localTime="duration", incident="Bool")
AGENT = record(tenant="String", name="String")
"""The attributes of an agent."""
PERSON = RecordType(
    {
        **record(tenant="String", name="String", subject="String", onCall="Bool").attributes,
        **{name: AttributeType("String", False) for name in ("team", "manager", "region", "employment")},
    }
)
"""The attributes of a person."""


def resource_type(program: Program) -> RecordType:
    """The attributes of a contract's resource: those of the connection, and those that are read live."""
    live = {one.name: AttributeType(_ATTRIBUTE[one.type]) for one in program.attributes}
    return RecordType(
        {"tenant": AttributeType("String"), "environment": AttributeType(EntityRef("Environment")), **live}
    )


def params_type(program: Program) -> RecordType:
    """The parameters of a contract; one that may be left out and has no default is optional."""
    found: dict[str, AttributeType] = {}
    for name, field in program.contract.inputs.items():
        type_: CedarType
        if field.type == "array":
            type_ = SetType("Long" if field.items and field.items.type == "integer" else "String")
        elif field.enum:
            type_ = EntityRef(enum_type(program.name, name))
        else:
            type_ = _INPUT[field.type]
        found[name] = AttributeType(type_, not field.optional or field.default is not None)
    return RecordType(found)


def context_type(program: Program, roles: frozenset[str], budgets: Iterable[str]) -> RecordType:
    """The context of a contract's action, which these budgets cover."""
    counts: dict[str, CedarType] = dict.fromkeys((*sorted(roles), RESERVED_ROLE), "Long")
    parts: dict[str, CedarType] = {
        "params": params_type(program),
        "person": EntityRef("Person"),
        "env": _ENV,
        "origin": record(trusted="Bool"),
        "approvals": record(**counts),
        "guarded": "Bool",
        "repeat": "Long",
        "rate": record(lastHour="Long", lastDay="Long", spentLastDay="Long", spends="Long"),
        "plan": record(size="Long", wave="Long"),
        "resourceOpenIncident": "Bool",
        "session": record(saw=SetType("String")),
    }
    if limits := {name: AttributeType("Long") for name in budgets}:
        parts["budget"] = RecordType(limits)
    if program.asked:
        parts["request"] = record(verified="Bool", requesterIsSubject="Bool")
    return record(**parts)


def approval_context_type(program: Program) -> RecordType:
    """The context of the action `approve:<contract>`."""
    return record(
        role=EntityRef("Role"),
        params=params_type(program),
        requester=EntityRef("Person"),
        agent=EntityRef("Agent"),
        env=_ENV,
    )


def members_of(program: Program, roles: frozenset[str], environments: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """The members of each enumerated entity type that a contract's requests use."""
    found = {"Role": tuple(sorted(roles)), "Environment": tuple(sorted(environments))}
    for name, field in program.contract.inputs.items():
        if field.enum and field.type != "array":
            found[enum_type(program.name, name)] = tuple(field.enum)
    return found
