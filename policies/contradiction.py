"""A contradiction in a policy's own conditions: parts of one conjunction that no value can meet together.

It looks at comparisons of one attribute with literals, and says nothing of what it cannot judge.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cedarpy import pst

_OPPOSITE: Final = {
    "eq": "not_eq",
    "not_eq": "eq",
    "less": "greater_eq",
    "greater_eq": "less",
    "greater": "less_eq",
    "less_eq": "greater",
}
_TURNED: Final = {"less": "greater", "greater": "less", "less_eq": "greater_eq", "greater_eq": "less_eq"}


@dataclass(slots=True)
class _Range:
    """What one attribute may still be: between two numbers, exactly one literal, and not some others."""

    low: int = -(2**63)
    high: int = 2**63 - 1
    exact: pst.Expr | None = None
    excluded: set[pst.Expr] = field(default_factory=set)

    def meets(self, op: str, literal: pst.Expr) -> bool:
        """Take one more condition in; False if nothing is left."""
        if op == "eq":
            if self.exact not in (None, literal):
                return False
            self.exact = literal
        elif op == "not_eq":
            self.excluded.add(literal)
        # only numbers have an order in Cedar
        if isinstance(literal, pst.LongLit):
            self.low = max(self.low, _lowest(op, literal.value))
            self.high = min(self.high, _highest(op, literal.value))
        is_number = isinstance(self.exact, pst.LongLit)
        within = not is_number or self.low <= _value(self.exact) <= self.high
        return self.low <= self.high and within and self.exact not in self.excluded


def contradiction_of(policy: pst.Template) -> str:
    """The attribute of which a policy asks two things that exclude each other, as it is written; else nothing."""
    ranges: dict[pst.Expr, _Range] = {}
    for op, attribute, literal in _conditions(policy):
        if not ranges.setdefault(attribute, _Range()).meets(op, literal):
            return written(attribute)
    return ""


def written(expr: pst.Expr) -> str:
    """An attribute as it stands in a policy, such as `resource.environment`."""
    match expr:
        case pst.Var(name=name):
            return name
        case pst.GetAttr(base=base, attr=name):
            return f"{written(base)}.{name}"
        case _:
            return "an expression"


def _conditions(policy: pst.Template) -> Iterator[tuple[str, pst.Expr, pst.Expr]]:
    for clause in policy.clauses:
        yield from _parts(clause.expr, isinstance(clause, pst.When))


def _parts(expr: pst.Expr, holds: bool) -> Iterator[tuple[str, pst.Expr, pst.Expr]]:
    """The comparisons that must all hold for an expression to be so."""
    match expr:
        case pst.UnaryOp(op="not", arg=arg):
            yield from _parts(arg, not holds)
        # neither of two alternatives holds: both are false
        case pst.BinaryOp(op="and" | "or" as op, left=left, right=right) if (op == "and") is holds:
            yield from _parts(left, holds)
            yield from _parts(right, holds)
        case pst.BinaryOp(op=op, left=left, right=right) if op in _OPPOSITE:
            said: str = op if holds else _OPPOSITE[op]
            if _is_attribute(left) and _is_literal(right):
                yield said, left, right
            elif _is_attribute(right) and _is_literal(left):
                yield _TURNED.get(said, said), right, left
        case pst.GetAttr():
            yield "eq", expr, pst.BoolLit(holds)


def _lowest(op: str, value: int) -> int:
    return {"eq": value, "greater": value + 1, "greater_eq": value}.get(op, -(2**63))


def _highest(op: str, value: int) -> int:
    return {"eq": value, "less": value - 1, "less_eq": value}.get(op, 2**63 - 1)


def _value(literal: pst.Expr | None) -> int:
    return literal.value if isinstance(literal, pst.LongLit) else 0


def _is_attribute(expr: pst.Expr) -> bool:
    return isinstance(expr, pst.GetAttr) and (isinstance(expr.base, pst.Var) or _is_attribute(expr.base))


def _is_literal(expr: pst.Expr) -> bool:
    return isinstance(expr, (pst.BoolLit, pst.LongLit, pst.StringLit, pst.EntityLit))
