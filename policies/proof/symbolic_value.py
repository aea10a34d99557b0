"""The symbolic value: a Cedar value as terms of the solver, and how one stands for every value of a type."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import z3  # type: ignore[import-untyped]  # the solver ships no py.typed

from policies.proof.cedar_type import CedarType, EntityRef, RecordType, SetType
from policies.proof.formula import FALSE, TRUE, Unmodelled, choice, conj, constant, disj, equal, in_range, neg
from policies.proof.text_sort import TextSort

_NUMBERS = ("Long", "decimal", "datetime", "duration")


@dataclass(frozen=True, slots=True)
class SymbolicAttribute:
    """The value of an attribute, and when it is there."""

    value: "SymbolicValue"
    present: z3.BoolRef = TRUE


@dataclass(frozen=True, slots=True)
class SymbolicValue:
    """A value: one term, or the attributes of a record. `elements` are those of a set that is written out.

    A number is an integer of its smallest unit: milliseconds of a datetime or duration, ten-thousandths of a decimal.
    An entity is the text of its id. `action` is the id of a known action.
    """

    type: CedarType
    term: z3.ExprRef = None
    attributes: Mapping[str, SymbolicAttribute] = field(default_factory=dict)
    elements: tuple["SymbolicValue", ...] | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class KnownEntity:
    """An entity that a request brings with it: its id, its attributes, and when it is in each role."""

    type: str
    id: z3.ExprRef
    attributes: SymbolicValue
    roles: Mapping[str, z3.BoolRef] = field(default_factory=dict)

    @property
    def value(self) -> SymbolicValue:
        """A reference to it."""
        return SymbolicValue(EntityRef(self.type), self.id)


@dataclass(slots=True)
class Symbols:
    """Makes values that stand for every value of their type; `facts` are what holds of them.

    A path and a type give one and the same symbol, so that two releases are asked about one and the same request.
    """

    texts: TextSort
    members: Mapping[str, tuple[str, ...]]
    facts: list[z3.BoolRef] = field(default_factory=list)

    def value(self, path: str, type_: CedarType) -> SymbolicValue:
        """Any value of a type. Raises `Unmodelled`."""
        match type_:
            case "Bool":
                return SymbolicValue(type_, z3.Bool(path))
            case "String":
                return SymbolicValue(type_, z3.Const(path, self.texts.sort))
            case EntityRef(name=name):
                term = z3.Const(path, self.texts.sort)
                if name in self.members:
                    self.facts.append(disj(*(term == self.texts.literal(one) for one in self.members[name])))
                return SymbolicValue(type_, term)
            case SetType(of=of):
                return SymbolicValue(type_, z3.Const(path, z3.SetSort(self.sort_of(of))))
            case RecordType(attributes=attributes):
                own = {}
                for name, one in attributes.items():
                    present = TRUE if one.required else z3.Bool(f"{path}.{name}?")
                    own[name] = SymbolicAttribute(self.value(f"{path}.{name}", one.type), present)
                return SymbolicValue(type_, attributes=own)
            case _:
                number = z3.Int(path)
                self.facts.append(in_range(number))
                return SymbolicValue(type_, number)

    def sort_of(self, type_: CedarType) -> z3.SortRef:
        """The sort of the elements of a set. Raises `Unmodelled`."""
        return sort_of(type_, self.texts)


def sort_of(type_: CedarType, texts: TextSort) -> z3.SortRef:
    """The sort of the terms of a type. Raises `Unmodelled`."""
    if type_ == "String" or isinstance(type_, EntityRef):
        return texts.sort
    if type_ in _NUMBERS:
        return z3.IntSort()
    if type_ == "Bool":
        return z3.BoolSort()
    raise Unmodelled("a set of sets or of records")


def is_number(type_: CedarType) -> bool:
    """Is a value of this type an integer of its smallest unit?"""
    return type_ in _NUMBERS


def same(one: SymbolicValue, other: SymbolicValue) -> z3.BoolRef:
    """Are two values equal for Cedar? Raises `Unmodelled`."""
    if isinstance(one.type, RecordType) and isinstance(other.type, RecordType):
        if one.attributes.keys() != other.attributes.keys():
            raise Unmodelled("a comparison of records with different attributes")
        pairs = [(one.attributes[name], other.attributes[name]) for name in one.attributes]
        # both absent, or both there and the same
        return conj(*(conj(a.present == b.present, disj(neg(a.present), same(a.value, b.value))) for a, b in pairs))
    # values of different types are never equal, and to ask is no error
    if one.type != other.type:
        return FALSE
    if one.action is not None and other.action is not None:
        return constant(one.action == other.action)
    return equal(one.term, other.term)


def chosen(condition: z3.BoolRef, then: SymbolicValue, otherwise: SymbolicValue) -> SymbolicValue:
    """One of two values of a type. Raises `Unmodelled`."""
    if condition is TRUE or condition is FALSE:
        return then if condition is TRUE else otherwise
    if then.type != otherwise.type or then.action or otherwise.action:
        raise Unmodelled("a choice between values of different types")
    if isinstance(then.type, RecordType):
        own = {
            name: SymbolicAttribute(
                chosen(condition, one.value, otherwise.attributes[name].value),
                choice(condition, one.present, otherwise.attributes[name].present),
            )
            for name, one in then.attributes.items()
        }
        return SymbolicValue(then.type, attributes=own)
    return SymbolicValue(then.type, choice(condition, then.term, otherwise.term))
