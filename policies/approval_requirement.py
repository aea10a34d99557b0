"""The need of approvals: what the policies of an action compare them with, and the vectors that could meet it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from cedarpy import pst

from contracts.errors import AilyusError
from policies.cedar_expression import children, walk
from policies.schema import RESERVED_ROLE

ApprovalRequirement = tuple[tuple[str, int], ...]
"""A vector of approvals: how many from which role, for example `(("SecurityLead", 1),)`; zero counts left out."""
NO_APPROVALS: Mapping[str, int] = MappingProxyType({})
MAX_VECTORS = 256
"""Vectors of approvals that one action's policies may span."""
# the least count at which the comparison comes out the other way
_COMPARE = {"greater_eq": 0, "greater": 1, "eq": 0, "less_eq": 1, "less": 0, "not_eq": 1}


def vectors_of(action: str, needs: Mapping[str, int]) -> tuple[ApprovalRequirement, ...]:
    """Every vector up to the highest count of each role, in the order of their sums."""
    total = 1
    for count in needs.values():
        total *= count + 1
        # each vector is one more question to Cedar in one decision
        if not 0 <= count <= 10 or total > MAX_VECTORS:
            raise AilyusError("bad_policy", f"the approvals asked for by `{action}` span more than {MAX_VECTORS} ways")
    vectors: list[ApprovalRequirement] = [()]
    for role in sorted(needs):
        vectors = [(*v, (role, n)) for v in vectors for n in range(needs[role] + 1)]
    return tuple(sorted(vectors, key=lambda v: (sum(n for _, n in v), v)))


def literals(expr: pst.Expr, roles: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Each role that an expression compares with a number, and the count at which the comparison turns."""
    for node in walk(expr):
        if not isinstance(node, pst.BinaryOp) or node.op not in _COMPARE:
            continue
        match node.left, node.right:
            case pst.GetAttr(base=base, attr=role), pst.LongLit(value=count) if _is_approvals(base):
                if role in roles or role == RESERVED_ROLE:
                    yield role, count + _COMPARE[node.op]


def _is_approvals(expr: pst.Expr) -> bool:
    return isinstance(expr, pst.GetAttr) and expr.attr == "approvals" and expr.base == pst.Var("context")


def count_approvals(expr: pst.Expr) -> int:
    """How often an expression uses approvals, in any form; more often than `literals` finds is refused at load."""
    found = 0
    for node in walk(expr):
        found += isinstance(node, pst.GetAttr) and _is_approvals(node)
        found += isinstance(node, pst.HasAttr) and "approvals" in node.attrs
        # the whole context in a comparison, a set or a record would carry the approvals with it
        found += isinstance(node, (pst.BinaryOp, pst.Set, pst.Record)) and pst.Var("context") in children(node)
    return found


def minimal(vectors: list[ApprovalRequirement]) -> tuple[ApprovalRequirement, ...]:
    """The vectors that ask for no more than another one does."""
    found: list[dict[str, int]] = []
    for vector in vectors:  # in order of their sums, so a smaller one comes first
        counts = dict(vector)
        if not any(all(counts.get(role, 0) >= n for role, n in small.items()) for small in found):
            found.append(counts)
    return tuple(tuple(sorted((r, n) for r, n in counts.items() if n)) for counts in found)
