"""The lint of policies that are valid: what decides nothing, or decides otherwise than it reads.

`policy check` refuses what is wrong; this names what is doubtful. It finds what can be decided simply, by constant
folding and by comparing trees, and never says of a policy that it does something.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import cedarpy
from cedarpy import pst

from contracts.compiler.program import Program
from contracts.schema.contract import RISKS
from contracts.text.nearest import did_you_mean
from policies.approval_requirement import literals
from policies.bundle import Bundle
from policies.cedar_expression import walk
from policies.contradiction import contradiction_of
from policies.folding import facts_of, never_applies
from policies.policy_finding import Level, PolicyFinding
from policies.policy_position import PolicyText, policy_texts
from policies.policy_slice import groups_of, matches
from policies.receipt_policy import APART
from policies.release import Release
from policies.schema import RESERVED_ROLE
from policies.unsatisfiable import fits_resource

_RISK: Final = "risk_at_least_"
_SECOND: Final = 1000
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Forbids:
    """The forbids of a release apart: `walls` that nothing lifts, and `guards` that approvals lift."""

    walls: tuple[str, ...]
    guards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Policy:
    """One policy, its text, the actions that its scope covers, and what its scope names (None: every action).

    Each name comes with all groups that it is in: a policy about one of those covers it, whichever contracts there are.
    """

    name: str
    node: pst.Template
    text: PolicyText
    actions: frozenset[str]
    named: Mapping[str, frozenset[str]] | None

    def finding(self, rule: str, says: str, hint: str, *words: str, level: Level = "warning") -> PolicyFinding:
        return PolicyFinding(rule, level, f"`{self.name}` {says}", hint, self.text.of_word(*words))


def lint(release: Release, agents: Iterable[str] = ()) -> list[PolicyFinding]:
    """Everything doubtful, by file and line. `agents` are the known ones; without any, none is called unknown."""
    policies = list(_policies(release.decider.bundle, release.catalog.programs))
    found = [*_dead(policies, release), *_covered(policies), *_unknown(policies, release, frozenset(agents))]
    return [*found, *_units(policies, release.decider.bundle.roles)]


def forbids_of(bundle: Bundle) -> Forbids:
    """The walls and the guards, by name."""
    nodes = {n: p for sliced in bundle.slices.values() for n, p in sliced.nodes.items() if p.effect == "forbid"}
    guards = {name for sliced in bundle.slices.values() for name in sliced.guards}
    return Forbids(tuple(sorted(nodes.keys() - guards)), tuple(sorted(guards)))


def _policies(bundle: Bundle, programs: Mapping[str, Program]) -> Iterator[_Policy]:
    groups = groups_of(programs)
    files = {file: text for file, text in bundle.policy_texts.items() if file not in APART}
    texts = {one.id: one for file, text in files.items() for one in policy_texts(file, text)}
    nodes = {n: p for sliced in bundle.slices.values() for n, p in sliced.nodes.items()}
    for name, text in texts.items():
        # a policy of no slice is about no contract: its tree is read again, which happens here alone
        node = nodes.get(name) or _tree(text)
        actions = frozenset(action for action, own in groups.items() if matches(node.action, own))
        yield _Policy(name, node, text, actions, _named(node.action, groups))


def _named(scope: pst.ActionConstraint, groups: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]] | None:
    if isinstance(scope, pst.ScopeAny):
        return None
    entities = scope.entities if isinstance(scope, pst.ActionIn) else (scope.entity,)
    risks = {f"{_RISK}{risk}": {f"{_RISK}{r}" for r in RISKS[: place + 1]} for place, risk in enumerate(RISKS)}
    return {one.id: frozenset({one.id, *groups.get(one.id, ()), *risks.get(one.id, ())}) for one in entities}


def _tree(text: PolicyText) -> pst.Template:
    (node,) = cedarpy.policies_to_pst(text.source).static_policies.values()
    return node


def _dead(policies: Iterable[_Policy], release: Release) -> Iterator[PolicyFinding]:
    """Policies that no request of this workspace can meet."""
    for policy in policies:
        if not policy.actions:
            yield _without_members(policy)
            continue
        if attribute := contradiction_of(policy.node):
            hint = "no value meets both conditions: write two policies, or join them by `||`"
            yield policy.finding("dead", f"can never apply: its conditions on `{attribute}` exclude each other", hint)
            continue
        kinds = {p.contract.target: p for p in release.catalog.programs.values() if policy.actions & _of(p)}
        places = [t for t in release.targets.values() if t.kind in kinds]
        fitting = [t for t in places if fits_resource(policy.node, kinds[t.kind].resource_type)] or places
        if places and all(never_applies(policy.node, facts_of(t.tenant, t.environment)) for t in fitting):
            where = ", ".join(sorted({f"`{t.environment}` of `{t.tenant}`" for t in fitting}))
            hint = "correct the tenant or the environment, or wait for a connection there"
            says = f"applies at no connection: those of its contracts are in {where}"
            yield policy.finding("dead", says, hint, level="note" if policy.node.effect == "permit" else "warning")


def _of(program: Program) -> frozenset[str]:
    return frozenset({program.name, f"approve:{program.name}"})


def _without_members(policy: _Policy) -> PolicyFinding:
    verb = "forbids" if policy.node.effect == "forbid" else "permits"
    # a note: bundled walls wait for the first contract of their risk
    hint = "nothing to do if it waits for its first contract; else name another group"
    says = f"{verb} nothing yet: no contract is in its scope"
    return policy.finding("memberless", says, hint, *(policy.named or ()), level="note")


def _covered(policies: list[_Policy]) -> Iterator[PolicyFinding]:
    """Policies that another one says too, or that a wall takes all effect from."""
    # a few hundred policies: each pair is compared, by trees alone
    for at, policy in enumerate(policies):
        for place, other in enumerate(policies):
            if place == at or not policy.actions or not _covers(other, policy):
                continue
            where = str(other.text.position)
            if policy.node.effect == other.node.effect:
                is_same = _covers(policy, other)
                # of two that are the same, the later one is too many
                if is_same and place > at:
                    continue
                rule, says = ("duplicate", "says the same as") if is_same else ("shadowed", "says no more than")
                yield policy.finding(rule, f"{says} `{other.name}` ({where})", "remove it, or narrow the other one")
                break
            if policy.node.effect == "permit" and not other.node.clauses:
                hint = "remove one of the two: a forbid always wins"
                yield policy.finding("shadowed", f"never permits: `{other.name}` ({where}) forbids it all", hint)
                break


def _covers(wider: _Policy, policy: _Policy) -> bool:
    """Does one apply wherever the other does? By its scope and its clauses, as far as trees tell."""
    scopes = ((wider.node.principal, policy.node.principal), (wider.node.resource, policy.node.resource))
    inside = all(isinstance(one, pst.ScopeAny) or one == other or _is_of(one, other) for one, other in scopes)
    return inside and _covers_actions(wider, policy) and set(wider.node.clauses) <= set(policy.node.clauses)


def _covers_actions(wider: _Policy, policy: _Policy) -> bool:
    if wider.named is None or policy.named is None:
        return wider.named is None
    return all(own & wider.named.keys() for own in policy.named.values())


def _is_of(one: pst.PrincipalOrResourceConstraint, other: pst.PrincipalOrResourceConstraint) -> bool:
    if isinstance(other, pst.ScopeIsIn):
        return one in (pst.ScopeIs(other.entity_type), pst.ScopeIn(other.entity))
    is_named = (
        isinstance(one, pst.ScopeIs) and isinstance(other, pst.ScopeEq) and isinstance(other.entity, pst.EntityUid)
    )
    return is_named and one.entity_type == other.entity.type  # type: ignore[union-attr] # both are looked at above


def _unknown(policies: Iterable[_Policy], release: Release, agents: frozenset[str]) -> Iterator[PolicyFinding]:
    """Names of agents, people and tenants that nobody has."""
    # a forbid on an unknown person is refused at load; a permit waits for nobody without a word
    people = frozenset(release.people.by_name)
    tenants = frozenset(p.tenant for p in release.people.by_name.values())
    tenants |= {t.tenant for t in release.targets.values()}
    for policy in policies:
        uids = pst.entity_uids(policy.node)
        for kind, known in (("Agent", agents), ("Person", people)):
            named = {uid.id for uid in uids if str(uid.type) == kind}
            for name in sorted(named - known) if known else ():
                yield _nobody(policy, kind.lower(), name, known)
        for name in sorted(set(_tenants(policy.node)) - tenants):
            yield _nobody(policy, "tenant", name, tenants)


def _nobody(policy: _Policy, kind: str, name: str, known: frozenset[str]) -> PolicyFinding:
    hint = did_you_mean(name, known, where=f"correct the name, or declare the {kind}")
    return policy.finding("unknown", f"names the {kind} `{name}`, which does not exist", hint, name)


def _tenants(policy: pst.Template) -> Iterator[str]:
    for clause in policy.clauses:
        for node in walk(clause.expr):
            match node:
                case pst.BinaryOp(op="eq" | "not_eq", left=pst.GetAttr(attr="tenant"), right=pst.StringLit(value=name)):
                    yield name
                case pst.BinaryOp(op="eq" | "not_eq", left=pst.StringLit(value=name), right=pst.GetAttr(attr="tenant")):
                    yield name


def _units(policies: Iterable[_Policy], roles: frozenset[str]) -> Iterator[PolicyFinding]:
    """Ages of approvals that look like milliseconds: whole thousands of seconds that are no whole hours."""
    for policy in policies:
        for clause in policy.node.clauses:
            for role, count in literals(clause.expr, roles):
                # `<=` and `>` turn one above their number
                for age in (count, count - 1) if role == RESERVED_ROLE else ():
                    if age >= 10 * _SECOND and age % _SECOND == 0 and age % _HOUR:
                        says = f"takes approvals of {age} seconds: {age // _SECOND} seconds in milliseconds?"
                        yield policy.finding("units", says, "`oldestSeconds` is a number of seconds", str(age))


def looks_like_policies(text: str) -> bool:
    """Is a text one of Cedar policies, whatever its file is called?"""
    return bool(re.search(r"^\s*(permit|forbid)\s*\(\s*principal\b", text, re.MULTILINE))
