"""What a condition of a policy comes to when only a part of a request is known: true, false, or open."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import cedarpy
from cedarpy import pst

from policies.schema import RESERVED_ROLE

Known = Mapping[pst.Expr, pst.Expr]
"""What is known: an expression such as `resource.environment`, and the literal that it is."""
_CONTEXT = pst.Var("context")
# Cedar has no unsigned numbers, so it cannot know this itself
_COUNTS = frozenset(
    {
        pst.GetAttr(_CONTEXT, "repeat"),
        *(pst.GetAttr(pst.GetAttr(_CONTEXT, "rate"), name) for name in ("lastHour", "lastDay")),
        *(pst.GetAttr(pst.GetAttr(_CONTEXT, "plan"), name) for name in ("size", "wave")),
    }
)
"""What is counted, and so is never below zero."""
_NEGATED = {"not_eq": "eq", "greater_eq": "less", "less_eq": "greater"}


def attribute(variable: pst.VarName, *path: str) -> pst.Expr:
    """An attribute of a variable, such as `context.approvals.SecurityLead`."""
    expr: pst.Expr = pst.Var(variable)
    for name in path:
        expr = pst.GetAttr(expr, name)
    return expr


def entity(kind: str, name: str) -> pst.Expr:
    """An entity as a literal."""
    return pst.EntityLit(pst.EntityUid(pst.EntityType(kind), name))


def facts_of(tenant: str, environment: str) -> Known:
    """What a connection fixes about every resource."""
    return {
        attribute("resource", "tenant"): pst.StringLit(tenant),
        attribute("resource", "environment"): entity("Environment", environment),
    }


def no_approvals(roles: Iterable[str]) -> Known:
    """What is known of approvals when nobody has approved."""
    return {attribute("context", "approvals", name): pst.LongLit(0) for name in (*roles, RESERVED_ROLE)}


def never_applies(policy: pst.Template, known: Known) -> bool:
    """Is there a condition that what is known makes false, whatever the rest is? The scope is not looked at."""
    # an `unless` holds where its condition is false
    return any(fold(c.expr, known) is (not isinstance(c, pst.When)) for c in policy.clauses)


def always_applies(policy: pst.Template, known: Known) -> bool:
    """Does what is known make every condition true, whatever the rest is? The scope is not looked at."""
    return all(fold(c.expr, known) is isinstance(c, pst.When) for c in policy.clauses)


def fold(expr: pst.Expr, known: Known) -> bool | None:
    """The truth of a condition, or None where it depends on what is not known."""
    match known.get(expr, expr):
        case pst.BoolLit(value=value):
            return value
        case pst.UnaryOp(op="not", arg=arg):
            inner = fold(arg, known)
            return None if inner is None else not inner
        case pst.BinaryOp(op="and", left=left, right=right):
            # an open side decides nothing, but a false one decides an `and` whatever the other is
            sides = (fold(left, known), fold(right, known))
            return False if False in sides else True if sides == (True, True) else None
        case pst.BinaryOp(op="or", left=left, right=right):
            sides = (fold(left, known), fold(right, known))
            return True if True in sides else False if sides == (False, False) else None
        case pst.IfThenElse(cond=cond, then_expr=then, else_expr=otherwise):
            chosen, ways = fold(cond, known), (fold(then, known), fold(otherwise, known))
            return ways[0] if chosen or ways[0] == ways[1] else ways[1] if chosen is False else None
        case pst.BinaryOp(op=op, left=left, right=right) if op in _NEGATED:
            inner = _compared(_NEGATED[op], left, right, known)
            return None if inner is None else not inner
        case pst.BinaryOp(op=op, left=left, right=right):
            return _compared(op, left, right, known)
        case _:
            return None


def _compared(op: str, left: pst.Expr, right: pst.Expr, known: Known) -> bool | None:
    if op == "greater":
        return _compared("less", right, left, known)
    one, other = known.get(left, left), known.get(right, right)
    match op, one, other:
        case "less", pst.LongLit(value=a), pst.LongLit(value=b):
            return a < b
        case "less", _, pst.LongLit(value=b) if _is_count(one) and b <= 0:
            return False
        case "less", pst.LongLit(value=a), _ if _is_count(other) and a < 0:
            return True
        case "eq", _, pst.LongLit(value=b) if _is_count(one) and b < 0:
            return False
        case "eq", pst.LongLit(value=a), _ if _is_count(other) and a < 0:
            return False
        case "eq", _, _ if _is_literal(one) and _is_literal(other):
            return one == other
        case _:
            return None


def _is_count(expr: pst.Expr) -> bool:
    # a budget has the name that an admin gave it
    return expr in _COUNTS or (isinstance(expr, pst.GetAttr) and expr.base == pst.GetAttr(_CONTEXT, "budget"))


def _is_literal(expr: pst.Expr) -> bool:
    return isinstance(expr, (pst.BoolLit, pst.LongLit, pst.StringLit, pst.EntityLit))


def bound_policies(nodes: Mapping[str, pst.Template], known: Known) -> cedarpy.PolicySet:
    """Policies with what is known filled in."""

    def bound(expr: pst.Expr) -> pst.Expr:
        match expr:
            # only whole attributes: a part of an unknown record stays unknown
            case pst.GetAttr() if expr in known:
                return known[expr]
            case pst.UnaryOp():
                return replace(expr, arg=bound(expr.arg))
            case pst.BinaryOp():
                return replace(expr, left=bound(expr.left), right=bound(expr.right))
            case pst.IfThenElse():
                return pst.IfThenElse(bound(expr.cond), bound(expr.then_expr), bound(expr.else_expr))
            case _:
                return expr

    policies = {
        name: replace(node, clauses=tuple(replace(c, expr=bound(c.expr)) for c in node.clauses))
        for name, node in nodes.items()
    }
    return cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=policies, template_links=()))
