"""The encoding of Cedar's expressions: for each the value that it has, and when its evaluation errs.

The semantics is that of https://docs.cedarpolicy.com/policies/syntax-operators.html: `&&`, `||` and `if` do not look at
what they do not need, arithmetic beyond 64 bits errs, and so does an attribute that is not there. What has no
translation here raises `Unmodelled`, even where its value might not matter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import z3  # type: ignore[import-untyped]  # the solver ships no py.typed
from cedarpy import pst

from policies.proof.cedar_type import EntityRef, RecordType, SetType
from policies.proof.extension_literal import DAY_MS, number_of
from policies.proof.formula import FALSE, TRUE, Unmodelled, conj, constant, disj, equal, in_range, neg
from policies.proof.symbolic_value import (
    KnownEntity,
    SymbolicAttribute,
    SymbolicValue,
    chosen,
    is_number,
    same,
    sort_of,
)
from policies.proof.text_sort import TextSort


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an expression comes to: its value, where `error` is false. Without a value it always errs."""

    value: SymbolicValue | None
    error: z3.BoolRef = FALSE

    @property
    def holds(self) -> z3.BoolRef:
        """Is it true, without an error?"""
        return FALSE if self.value is None else conj(self.value.term, neg(self.error))


ERRS = Outcome(None, TRUE)


@dataclass(frozen=True, slots=True)
class SymbolicEnvironment:
    """What an expression is evaluated in: who asks for which action, about what, among which entities.

    `groups` are those of every action, itself included. `entities` are all that the request brings.
    """

    principal: KnownEntity
    action: str
    groups: Mapping[str, frozenset[str]]
    resource: KnownEntity
    context: SymbolicValue
    entities: tuple[KnownEntity, ...]
    texts: TextSort

    def with_context(self, attributes: Mapping[str, SymbolicAttribute]) -> "SymbolicEnvironment":
        """The same with another context."""
        return replace(self, context=replace(self.context, attributes=attributes))


def encode(expr: pst.Expr, within: SymbolicEnvironment) -> Outcome:
    """The outcome of an expression. Raises `Unmodelled`."""
    encoder = _ENCODERS.get(type(expr))
    if encoder is None:
        raise Unmodelled(f"`{type(expr).__name__}`")
    return encoder(expr, within)


def conjunction(conditions: Sequence[pst.Expr], within: SymbolicEnvironment, first: z3.BoolRef) -> Outcome:
    """Conditions one after the other, of which each is looked at where all before hold. Raises `Unmodelled`."""
    found = _truth(first)
    for condition in conditions:
        found = _and(found, partial(encode, condition, within))
    return found


def _truth(term: z3.BoolRef, error: z3.BoolRef = FALSE) -> Outcome:
    return Outcome(SymbolicValue("Bool", term), error)


def _number(kind: str, term: z3.ArithRef, error: z3.BoolRef) -> Outcome:
    # what does not fit errs; the value beside an error is never looked at
    of: Mapping[str, SymbolicValue] = {
        "Long": SymbolicValue("Long", term),
        "datetime": SymbolicValue("datetime", term),
        "duration": SymbolicValue("duration", term),
    }
    return Outcome(of[kind], disj(error, neg(in_range(term))))


def _literal(expr: pst.BoolLit | pst.LongLit | pst.StringLit, within: SymbolicEnvironment) -> Outcome:
    match expr:
        case pst.BoolLit(value=value):
            return _truth(constant(value))
        case pst.LongLit(value=number):
            return Outcome(SymbolicValue("Long", z3.IntVal(number)))
        case pst.StringLit(value=text):
            return Outcome(SymbolicValue("String", within.texts.literal(text)))


def _entity(uid: pst.EntityUid, within: SymbolicEnvironment) -> SymbolicValue:
    kind = str(uid.type)
    return SymbolicValue(EntityRef(kind), within.texts.literal(uid.id), action=uid.id if kind == "Action" else None)


def _entity_literal(expr: pst.EntityLit, within: SymbolicEnvironment) -> Outcome:
    return Outcome(_entity(expr.value, within))


def _variable(expr: pst.Var, within: SymbolicEnvironment) -> Outcome:
    match expr.name:
        case "principal":
            return Outcome(within.principal.value)
        case "resource":
            return Outcome(within.resource.value)
        case "context":
            return Outcome(within.context)
        case _:
            return Outcome(
                SymbolicValue(EntityRef("Action"), within.texts.literal(within.action), action=within.action)
            )


def _record_of(value: SymbolicValue, within: SymbolicEnvironment) -> tuple[SymbolicValue | None, z3.BoolRef]:
    """The attributes of a record or an entity, and when the entity is there at all."""
    if isinstance(value.type, RecordType):
        return value, TRUE
    if not isinstance(value.type, EntityRef):
        raise Unmodelled("an attribute of what is neither a record nor an entity")
    known = [one for one in within.entities if one.type == value.type.name]
    found: SymbolicValue | None = None
    # INVARIANT: an entity that the request does not bring has no attributes, and to read one errs
    there = disj(*(equal(value.term, one.id) for one in known))
    for one in known:
        found = one.attributes if found is None else chosen(equal(value.term, one.id), one.attributes, found)
    return found, there


def _get_attribute(expr: pst.GetAttr, within: SymbolicEnvironment) -> Outcome:
    base = encode(expr.base, within)
    if base.value is None:
        return ERRS
    record, there = _record_of(base.value, within)
    attribute = record.attributes.get(expr.attr) if record is not None else None
    if attribute is None:
        return ERRS
    return Outcome(attribute.value, disj(base.error, neg(there), neg(attribute.present)))


def _has_attribute(expr: pst.HasAttr, within: SymbolicEnvironment) -> Outcome:
    # `a has b.c` is `a has b && a.b has c`
    first, rest = expr.attrs[0], expr.attrs[1:]
    base = encode(expr.base, within)
    if base.value is None:
        return ERRS
    record, there = _record_of(base.value, within)
    attribute = record.attributes.get(first) if record is not None else None
    present = conj(there, attribute.present) if attribute is not None else FALSE
    found = _truth(present, base.error)
    if not rest:
        return found
    return _and(found, lambda: _has_attribute(pst.HasAttr(pst.GetAttr(expr.base, first), rest), within))


def _and(left: Outcome, right: Callable[[], Outcome]) -> Outcome:
    if left.value is None:
        return ERRS
    if left.value.term is FALSE:
        return left
    other = right()
    term = FALSE if other.value is None else conj(left.value.term, other.value.term)
    return _truth(term, disj(left.error, conj(left.value.term, other.error)))


def _or(left: Outcome, right: Callable[[], Outcome]) -> Outcome:
    if left.value is None:
        return ERRS
    if left.value.term is TRUE:
        return left
    other = right()
    term = left.value.term if other.value is None else disj(left.value.term, other.value.term)
    return _truth(term, disj(left.error, conj(neg(left.value.term), other.error)))


def _if(expr: pst.IfThenElse, within: SymbolicEnvironment) -> Outcome:
    condition = encode(expr.cond, within)
    if condition.value is None:
        return ERRS
    truth = condition.value.term
    # a branch that is never taken is not looked at: it may read what is not there
    if truth is TRUE or truth is FALSE:
        taken = encode(expr.then_expr if truth is TRUE else expr.else_expr, within)
        return Outcome(taken.value, disj(condition.error, taken.error))
    ways = encode(expr.then_expr, within), encode(expr.else_expr, within)
    error = disj(condition.error, conj(truth, ways[0].error), conj(neg(truth), ways[1].error))
    if ways[0].value is None or ways[1].value is None:
        return Outcome(ways[0].value or ways[1].value, error)
    return Outcome(chosen(truth, ways[0].value, ways[1].value), error)


def _unary(expr: pst.UnaryOp, within: SymbolicEnvironment) -> Outcome:
    if expr.op in ("decimal", "datetime", "duration"):
        # only of a literal: the text of another one would have to be parsed by the solver
        if not isinstance(expr.arg, pst.StringLit):
            raise Unmodelled(f"`{expr.op}` of what is no literal")
        number = z3.IntVal(number_of(expr.op, expr.arg.value))
        kinds: Mapping[str, SymbolicValue] = {
            "decimal": SymbolicValue("decimal", number),
            "datetime": SymbolicValue("datetime", number),
            "duration": SymbolicValue("duration", number),
        }
        return Outcome(kinds[expr.op])
    arg = encode(expr.arg, within)
    if arg.value is None:
        return ERRS
    term = arg.value.term
    match expr.op:
        case "not":
            return _truth(neg(term), arg.error)
        case "neg":
            return _number("Long", -term, arg.error)
        case "is_empty":
            if arg.value.elements is not None:
                return _truth(constant(not arg.value.elements), arg.error)
            return _truth(term == z3.EmptySet(term.sort().domain()), arg.error)
        case "to_date":
            # z3 divides integers towards minus infinity here, and so does Cedar: midnight before, also before 1970
            return _number("datetime", term - term % DAY_MS, arg.error)
        case "to_time":
            return _number("duration", term % DAY_MS, arg.error)
        case op if op in _UNIT_MS:
            return _number("Long", _truncated(term, _UNIT_MS[op]), arg.error)
        case _:
            raise Unmodelled(f"`{expr.op}`")


_UNIT_MS: Mapping[str, int] = {
    "to_milliseconds": 1,
    "to_seconds": 1000,
    "to_minutes": 60_000,
    "to_hours": 3_600_000,
    "to_days": DAY_MS,
}


def _truncated(number: z3.ArithRef, unit: int) -> z3.ArithRef:
    """The quotient towards zero, as Cedar takes it of a duration."""
    return number if unit == 1 else z3.If(number >= 0, number / unit, -((-number) / unit))


def _binary(expr: pst.BinaryOp, within: SymbolicEnvironment) -> Outcome:
    left = encode(expr.left, within)
    if expr.op == "and":
        return _and(left, lambda: encode(expr.right, within))
    if expr.op == "or":
        return _or(left, lambda: encode(expr.right, within))
    right = encode(expr.right, within)
    if left.value is None or right.value is None:
        return ERRS
    error = disj(left.error, right.error)
    one, other = left.value, right.value
    if expr.op in ("eq", "not_eq"):
        alike = same(one, other)
        return _truth(alike if expr.op == "eq" else neg(alike), error)
    if expr.op in _ORDER:
        if not is_number(one.type) or one.type != other.type:
            raise Unmodelled("an order of what is no number")
        return _truth(_ORDER[expr.op](one.term, other.term), error)
    if expr.op in _ARITHMETIC:
        kind, compute = _ARITHMETIC[expr.op]
        return _number(kind, compute(one.term, other.term), error)
    if expr.op == "in":
        return _truth(_is_in(one, other, within), error)
    if expr.op in _SETS:
        return _truth(_SETS[expr.op](one, other), error)
    raise Unmodelled(f"`{expr.op}`")


_ORDER: Mapping[str, Callable[[z3.ArithRef, z3.ArithRef], z3.BoolRef]] = {
    "less": lambda a, b: a < b,
    "less_eq": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_eq": lambda a, b: a >= b,
    "decimal_less_than": lambda a, b: a < b,
    "decimal_less_eq": lambda a, b: a <= b,
    "decimal_greater": lambda a, b: a > b,
    "decimal_greater_eq": lambda a, b: a >= b,
}
_ARITHMETIC: Mapping[str, tuple[str, Callable[[z3.ArithRef, z3.ArithRef], z3.ArithRef]]] = {
    "add": ("Long", lambda a, b: a + b),
    "sub": ("Long", lambda a, b: a - b),
    "mul": ("Long", lambda a, b: a * b),
    "offset": ("datetime", lambda a, b: a + b),
    "duration_since": ("duration", lambda a, b: a - b),
}


def _contains(one: SymbolicValue, other: SymbolicValue) -> z3.BoolRef:
    if one.elements is not None:
        return disj(*(same(element, other) for element in one.elements))
    return z3.IsMember(other.term, one.term)


def _contains_all(one: SymbolicValue, other: SymbolicValue) -> z3.BoolRef:
    if other.elements is not None:
        return conj(*(_contains(one, element) for element in other.elements))
    return z3.IsSubset(other.term, one.term)


def _contains_any(one: SymbolicValue, other: SymbolicValue) -> z3.BoolRef:
    if other.elements is not None:
        return disj(*(_contains(one, element) for element in other.elements))
    if one.elements is not None:
        return disj(*(_contains(other, element) for element in one.elements))
    return neg(z3.SetIntersect(one.term, other.term) == z3.EmptySet(one.term.sort().domain()))


_SETS: Mapping[str, Callable[[SymbolicValue, SymbolicValue], z3.BoolRef]] = {
    "contains": _contains,
    "contains_all": _contains_all,
    "contains_any": _contains_any,
}


def _is_in(one: SymbolicValue, other: SymbolicValue, within: SymbolicEnvironment) -> z3.BoolRef:
    """The operator `in`: the entity itself, or one above it."""
    if other.elements is not None:
        return disj(*(_is_in(one, element, within) for element in other.elements))
    if isinstance(other.type, SetType):
        raise Unmodelled("`in` a set that is not written out")
    if not isinstance(one.type, EntityRef) or not isinstance(other.type, EntityRef):
        raise Unmodelled("`in` of what is no entity")
    if one.action is not None and other.action is not None:
        return constant(one.action == other.action or other.action in _groups(one.action, within))
    itself = same(one, other)
    if other.type.name != "Role":
        return itself
    # only what the request brings has roles; a name in a policy alone has none
    holders = [entity for entity in within.entities if entity.type == one.type.name and entity.roles]
    held = (
        conj(equal(one.term, entity.id), equal(other.term, within.texts.literal(role)), has)
        for entity in holders
        for role, has in entity.roles.items()
    )
    return disj(itself, *held)


def _groups(action: str, within: SymbolicEnvironment) -> frozenset[str]:
    if action not in within.groups:
        raise Unmodelled(f'the groups of `Action::"{action}"`')
    return within.groups[action]


def _like(expr: pst.Like, within: SymbolicEnvironment) -> Outcome:
    base = encode(expr.base, within)
    return ERRS if base.value is None else _truth(within.texts.matches(base.value.term, expr.pattern), base.error)


def _is(expr: pst.Is, within: SymbolicEnvironment) -> Outcome:
    base = encode(expr.base, within)
    if base.value is None:
        return ERRS
    kind = isinstance(base.value.type, EntityRef) and base.value.type.name == str(expr.entity_type)
    found = _truth(constant(kind), base.error)
    inside = expr.in_expr
    if inside is None:
        return found
    return _and(found, lambda: _binary(pst.BinaryOp("in", expr.base, inside), within))


def _set(expr: pst.Set, within: SymbolicEnvironment) -> Outcome:
    found = [encode(element, within) for element in expr.elements]
    values = [one.value for one in found if one.value is not None]
    if len(values) < len(found):
        return ERRS
    # strict validation refuses a set without an element, whose type nobody knows
    if not values or any(one.type != values[0].type for one in values):
        raise Unmodelled("a set of several types")
    of = values[0].type
    # of action names nothing but membership is asked
    term = z3.EmptySet(sort_of(of, within.texts))
    for one in values:
        term = z3.SetAdd(term, one.term)
    return Outcome(SymbolicValue(SetType(of), term, elements=tuple(values)), disj(*(one.error for one in found)))


def _record(expr: pst.Record, within: SymbolicEnvironment) -> Outcome:
    found = {name: encode(one, within) for name, one in expr.fields.items()}
    attributes = {name: SymbolicAttribute(one.value) for name, one in found.items() if one.value is not None}
    if len(attributes) < len(found):
        return ERRS
    value = SymbolicValue(RecordType({}), attributes=attributes)
    return Outcome(value, disj(*(one.error for one in found.values())))


_ENCODERS: Mapping[type, Callable[..., Outcome]] = {
    pst.BoolLit: _literal,
    pst.LongLit: _literal,
    pst.StringLit: _literal,
    pst.EntityLit: _entity_literal,
    pst.Var: _variable,
    pst.GetAttr: _get_attribute,
    pst.HasAttr: _has_attribute,
    pst.IfThenElse: _if,
    pst.UnaryOp: _unary,
    pst.BinaryOp: _binary,
    pst.Like: _like,
    pst.Is: _is,
    pst.Set: _set,
    pst.Record: _record,
}
