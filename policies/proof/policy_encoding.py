"""The encoding of policies: when one is satisfied, when one errs, and when the gateway permits a request."""

from collections.abc import Iterable, Mapping

import z3  # type: ignore[import-untyped]  # the solver ships no py.typed
from cedarpy import pst

from policies.policy_slice import Slice, matches
from policies.proof.encoding import Outcome, SymbolicEnvironment, conjunction
from policies.proof.formula import FALSE, TRUE, conj, disj, neg
from policies.proof.symbolic_request import SymbolicRequest
from policies.proof.symbolic_value import SymbolicAttribute, SymbolicValue

_VARIABLES: Mapping[str, pst.Var] = {"principal": pst.Var("principal"), "resource": pst.Var("resource")}


def satisfied(policy: pst.Template, within: SymbolicEnvironment) -> Outcome:
    """Is a policy satisfied by a request, and does its evaluation err? Raises `Unmodelled`."""
    if not matches(policy.action, within.groups[within.action]):
        return conjunction((), within, FALSE)
    conditions = [*_scope("principal", policy.principal), *_scope("resource", policy.resource)]
    for clause in policy.clauses:
        conditions.append(clause.expr if isinstance(clause, pst.When) else pst.UnaryOp("not", clause.expr))
    return conjunction(conditions, within, TRUE)


def _scope(variable: str, scope: pst.PrincipalOrResourceConstraint) -> list[pst.Expr]:
    base = _VARIABLES[variable]
    match scope:
        case pst.ScopeEq(entity=pst.EntityUid() as uid):
            return [pst.BinaryOp("eq", base, pst.EntityLit(uid))]
        case pst.ScopeIn(entity=pst.EntityUid() as uid):
            return [pst.BinaryOp("in", base, pst.EntityLit(uid))]
        case pst.ScopeIs(entity_type=kind):
            return [pst.Is(base, kind, None)]
        case pst.ScopeIsIn(entity_type=kind, entity=pst.EntityUid() as uid):
            return [pst.Is(base, kind, pst.EntityLit(uid))]
        case _:
            # a slot never gets here: a file with one is refused
            return []


def allowed(policies: Iterable[pst.Template], within: SymbolicEnvironment) -> z3.BoolRef:
    """Does Cedar allow a request without an error in any policy? Raises `Unmodelled`.

    Cedar skips a policy that errs. The gateway takes an error of any for a denial.
    """
    permits: list[z3.BoolRef] = []
    forbids: list[z3.BoolRef] = []
    errors: list[z3.BoolRef] = []
    for policy in policies:
        outcome = satisfied(policy, within)
        (permits if policy.effect == "permit" else forbids).append(outcome.holds)
        errors.append(outcome.error)
    return conj(disj(*permits), neg(disj(*forbids)), neg(disj(*errors)))


def permitted(sliced: Slice, request: SymbolicRequest) -> z3.BoolRef:
    """Does the gateway permit a request, with the approvals that it has? Raises `Unmodelled`."""
    guarded = TRUE
    if "guarded" in sliced.reads and request.alone:
        # INVARIANT: guarded is this very request, by a guard that forbids it while nobody has approved
        guards = [sliced.nodes[name] for name in sorted(sliced.guards)]
        guarded = disj(*(satisfied(guard, within).holds for within in request.alone for guard in guards))
    environments = [_with_guarded(within, guarded) for within in request.asking]
    # INVARIANT 3: the agent and the person must both be permitted
    return conj(request.reachable, *(allowed(sliced.nodes.values(), within) for within in environments))


def _with_guarded(within: SymbolicEnvironment, guarded: z3.BoolRef) -> SymbolicEnvironment:
    if "guarded" not in within.context.attributes:
        return within
    value = SymbolicAttribute(SymbolicValue("Bool", guarded))
    return within.with_context({**within.context.attributes, "guarded": value})
