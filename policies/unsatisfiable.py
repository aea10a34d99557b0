"""Policies that can never apply. Cedar only warns of them, and its binding drops the warnings."""

from collections.abc import Iterator, Mapping

from cedarpy import pst

from contracts.compiler.program import Program
from policies.schema import membership


def is_impossible(policy: pst.Template, programs: Mapping[str, Program]) -> bool:
    """Return whether no request can meet a policy.

    That is so when no action of its action scope applies to the types of its principal and resource scope, or when
    constant folding of its conditions leaves none of them. A policy on a group that has no member yet is not
    impossible: it waits for its first contract. Up to 4.12 Cedar's validator refuses the first case too; from 4.13 on
    it only warns.
    """
    # no member means that it waits for a contract, which is no mistake
    named = list(_worlds(policy.action, programs))
    # guard: scopes that no action fits
    return bool(named) and all(not _in_scope(policy, w[0], w[3]) or _never(policy, *w) for w in named)


def fits_resource(policy: pst.Template, kind: str) -> bool:
    """Return whether the resource scope of a policy lets a resource of this type in."""
    return _fits(policy.resource, kind, kind)


def _worlds(
    scope: pst.ActionConstraint, programs: Mapping[str, Program]
) -> Iterator[tuple[str, str, frozenset[str], str]]:
    """Who may ask for which action of an action scope, the groups of that action, and the type of its resource."""
    named = _named(scope)
    for program in programs.values():
        groups, approval = membership(program), f"approve:{program.name}"
        if named is None or program.name in named or not groups.isdisjoint(named):
            for principal in ("Agent", "Person"):
                yield principal, program.name, groups, program.resource_type
        if named is None or approval in named or "approve" in named:
            yield "Person", approval, frozenset({"approve"}), program.resource_type


def _named(scope: pst.ActionConstraint) -> frozenset[str] | None:
    """The actions and groups that an action scope names; None where it takes every action."""
    if isinstance(scope, pst.ActionEq):
        return frozenset({scope.entity.id})
    if isinstance(scope, pst.ActionIn):
        return frozenset(entity.id for entity in scope.entities)
    return None


def _in_scope(policy: pst.Template, principal: str, resource: str) -> bool:
    return _fits(policy.principal, principal, "Role") and _fits(policy.resource, resource, resource)


def _fits(scope: pst.PrincipalOrResourceConstraint, kind: str, parent: str) -> bool:
    match scope:
        case pst.ScopeIs() | pst.ScopeIsIn():
            return str(scope.entity_type) == kind
        case pst.ScopeEq(entity=pst.EntityUid(type=type_)):
            return str(type_) == kind
        case pst.ScopeIn(entity=pst.EntityUid(type=type_)):
            return str(type_) in {kind, parent}
        case _:
            return True


def _never(policy: pst.Template, principal: str, action: str, groups: frozenset[str], resource: str) -> bool:
    types = {"principal": principal, "resource": resource}
    return any(_fold(c.expr, types, action) is (not isinstance(c, pst.When)) for c in policy.clauses)


def _fold(expr: pst.Expr, types: Mapping[str, str], action: str) -> bool | None:
    match expr:
        case pst.BoolLit(value=value):
            return value
        case pst.UnaryOp(op="not", arg=arg):
            inner = _fold(arg, types, action)
            return None if inner is None else not inner
        case pst.BinaryOp(op="and", left=left, right=right):
            sides = (_fold(left, types, action), _fold(right, types, action))
            return False if False in sides else True if sides == (True, True) else None
        case pst.BinaryOp(op="or", left=left, right=right):
            sides = (_fold(left, types, action), _fold(right, types, action))
            return True if True in sides else False if sides == (False, False) else None
        case pst.BinaryOp(op="eq", left=left, right=right) if _literal(left) and _literal(right):
            return left == right
        case pst.BinaryOp(op="eq", left=pst.Var(name="action"), right=pst.EntityLit(value=uid)):
            return uid.id == action
        case pst.Is(base=pst.Var(name=name), entity_type=kind, in_expr=None) if name in types:
            return str(kind) == types[name]
        case _:
            return None


def _literal(expr: pst.Expr) -> bool:
    return isinstance(expr, (pst.BoolLit, pst.LongLit, pst.StringLit, pst.EntityLit))
