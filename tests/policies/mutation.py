"""How many mistakes in the shipped policies their own tests notice: `uv run python -m tests.policies.mutation`"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cedarpy import pst

from contracts.errors import AilyusError
from contracts.schema.contract import RISKS
from policies.bundle import Bundle, load_bundle
from policies.case import Case, load_tests
from policies.decider import Decider
from policies.policy_check import check_policy
from policies.policy_slice import Slice, groups_of, matches, slice_of
from policies.testing import each, run_tests
from tests.policies.making import PROGRAMS
from tests.world import ROOT

LIBRARY = ROOT / "policies" / "library"
ROLES = ("Support", "Operations", "SecurityLead")
_OTHER = {
    "and": ("or",),
    "or": ("and",),
    "less": ("less_eq", "greater_eq"),
    "less_eq": ("less", "greater"),
    "greater": ("greater_eq", "less_eq"),
    "greater_eq": ("greater", "less"),
    "eq": ("not_eq",),
    "not_eq": ("eq",),
}
_RISK = "risk_at_least_"


@dataclass(frozen=True)
class Mutant:
    """One mistake in one policy; without a policy it is removed."""

    name: str
    what: str
    policy: pst.Template | None


def bundle() -> Bundle:
    """The shipped policies over the shipped contracts."""
    texts = {p.name: p.read_text() for p in LIBRARY.glob("*.cedar")}
    return load_bundle(texts, PROGRAMS, ROLES, ("prod", "staging"))


def mutants(policies: Mapping[str, pst.Template]) -> Iterator[Mutant]:
    """Every mistake, one at a time."""
    for name, policy in sorted(policies.items()):
        yield Mutant(name, "removed", None)
        yield Mutant(name, "other effect", replace(policy, effect="permit" if policy.effect == "forbid" else "forbid"))
        for what, scope in _scopes(policy.principal, ("Agent", "Person")):
            yield Mutant(name, f"principal {what}", replace(policy, principal=scope))
        for what, resource in _scopes(policy.resource, ("Ticket", "OktaUser")):
            yield Mutant(name, f"resource {what}", replace(policy, resource=resource))
        for what, action in _actions(policy.action):
            yield Mutant(name, f"action {what}", replace(policy, action=action))
        for at, clause in enumerate(policy.clauses):
            rest = (policy.clauses[:at], policy.clauses[at + 1 :])
            yield Mutant(name, f"clause {at} removed", replace(policy, clauses=(*rest[0], *rest[1])))
            other = pst.Unless if isinstance(clause, pst.When) else pst.When
            yield Mutant(
                name, f"clause {at} negated", replace(policy, clauses=(*rest[0], other(clause.expr), *rest[1]))
            )
            for what, expr in _expressions(clause.expr):
                changed = replace(policy, clauses=(*rest[0], replace(clause, expr=expr), *rest[1]))
                yield Mutant(name, f"clause {at}: {what}", changed)


def _scopes(
    scope: pst.PrincipalOrResourceConstraint, kinds: Sequence[str]
) -> Iterator[tuple[str, pst.PrincipalOrResourceConstraint]]:
    if isinstance(scope, pst.ScopeAny):
        return
    yield "any", pst.ScopeAny()
    if isinstance(scope, pst.ScopeIs):
        other = next(kind for kind in kinds if kind != str(scope.entity_type))
        yield f"is {other}", pst.ScopeIs(pst.EntityType(other))
    if isinstance(scope, pst.ScopeIn) and isinstance(scope.entity, pst.EntityUid):
        for role in ROLES:
            if role != scope.entity.id:
                yield f"in {role}", pst.ScopeIn(replace(scope.entity, id=role))


def _actions(scope: pst.ActionConstraint) -> Iterator[tuple[str, pst.ActionConstraint]]:
    if isinstance(scope, pst.ScopeAny):
        return
    yield "any", pst.ScopeAny()
    if not isinstance(scope, pst.ActionIn):
        return
    for at, entity in enumerate(scope.entities):
        for other in _groups(entity.id):
            changed = (*scope.entities[:at], replace(entity, id=other), *scope.entities[at + 1 :])
            yield f"in {other}", pst.ActionIn(changed)


def _groups(group: str) -> Iterator[str]:
    if group.startswith(_RISK):
        at = RISKS.index(next(risk for risk in RISKS if group == _RISK + risk))
        yield from (_RISK + RISKS[n] for n in (at - 1, at + 1) if 0 <= n < len(RISKS))
    elif group in ("read", "write"):
        yield "write" if group == "read" else "read"


def _expressions(expr: pst.Expr) -> Iterator[tuple[str, pst.Expr]]:
    match expr:
        case pst.UnaryOp(op="not", arg=arg):
            yield "`!` removed", arg
            yield from ((what, replace(expr, arg=inner)) for what, inner in _expressions(arg))
        case pst.BinaryOp(op=op, left=left, right=right):
            for other in _OTHER.get(op, ()):
                yield f"{op} -> {other}", replace(expr, op=other)  # type: ignore[arg-type]
            if op in ("and", "or"):
                yield f"left of {op} removed", right
                yield f"right of {op} removed", left
            yield from ((what, replace(expr, left=inner)) for what, inner in _expressions(left))
            yield from ((what, replace(expr, right=inner)) for what, inner in _expressions(right))
        case pst.LongLit(value=value):
            yield f"{value} -> {value + 1}", pst.LongLit(value + 1)
            yield f"{value} -> {value - 1}", pst.LongLit(value - 1)
            yield f"{value} -> {value * 1000}", pst.LongLit(value * 1000)
        case pst.EntityLit(value=uid) if str(uid.type) == "Environment":
            yield "other environment", pst.EntityLit(replace(uid, id="staging" if uid.id == "prod" else "prod"))
        case pst.EntityLit(value=uid) if str(uid.type) == "Role":
            yield "other role", pst.EntityLit(replace(uid, id=next(role for role in ROLES if role != uid.id)))
        case pst.GetAttr(base=pst.GetAttr(attr="approvals"), attr=role) if role in ROLES:
            yield "approvals of another role", replace(expr, attr=next(r for r in ROLES if r != role))
        case pst.GetAttr() if _is_flag(expr):
            yield "`!` added", pst.UnaryOp(op="not", arg=expr)
        case _:
            return


def _is_flag(expr: pst.GetAttr) -> bool:
    return expr.attr in ("changeFreeze", "guarded", "resourceOpenIncident", "vip", "privileged", "verified") or (
        expr.attr == "requesterIsSubject"
    )


def with_mutant(made: Bundle, mutant: Mutant) -> Bundle:
    """The bundle with one mistake, sliced anew."""
    nodes = {n: p for s in made.slices.values() for n, p in s.nodes.items()}
    nodes.pop(mutant.name)
    if mutant.policy is not None:
        nodes[mutant.name] = mutant.policy
        check_policy(mutant.name, mutant.policy, "", made.roles, PROGRAMS)
    groups = groups_of(PROGRAMS)
    slices: dict[str, Slice] = {}
    for action, old in made.slices.items():
        touched = mutant.name in old.nodes or (
            mutant.policy is not None and matches(mutant.policy.action, groups[action])
        )
        slices[action] = slice_of(action, nodes, _SOURCES, groups[action], made.roles) if touched else old
    return replace(made, slices=slices)


class _Sources(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key


_SOURCES = _Sources()


def survivors(made: Bundle, cases: Sequence[Case]) -> tuple[list[Mutant], int]:
    """The mistakes that no case notices, and how many there are in all. A set that Cedar refuses is noticed."""
    alive, count = [], 0
    policies = {n: p for s in made.slices.values() for n, p in s.nodes.items()}
    decider = Decider(made, PROGRAMS)
    # each contract of a group apart, so that only what a mistake touches is decided again; named cases first
    ordered = sorted(cases, key=lambda case: not isinstance(case.action, str))
    cases = [one for case in ordered for one in each(decider, PROGRAMS, case)]
    for mutant in mutants(policies):
        count += 1
        try:
            changed = with_mutant(made, mutant)
        except (ValueError, AilyusError):
            continue
        if _passes(changed, made, cases):
            alive.append(mutant)
    return alive, count


def _passes(changed: Bundle, made: Bundle, cases: Sequence[Case]) -> bool:
    decider = Decider(changed, PROGRAMS)
    touched = {action for action, sliced in changed.slices.items() if sliced is not made.slices[action]}
    for case in cases:
        if not {str(case.action), f"approve:{case.action}"} & touched:
            continue
        if any(r.failure for r in run_tests(decider, PROGRAMS, [case])):
            return False
    return True


def main() -> None:
    """Print the survivors and the score."""
    alive, count = survivors(bundle(), [case for _, case in load_tests(LIBRARY)])
    for mutant in alive:
        print(f"SURVIVES {mutant.name}: {mutant.what}")
    print(f"{count - len(alive)} of {count} mistakes are noticed: {100 * (count - len(alive)) / count:.1f} %")


if __name__ == "__main__":
    main()
