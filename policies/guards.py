"""Guards: the forbids that hold at a connection, the ones that ask for approvals, and mistakes in both."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cedarpy import pst

from contracts.action.target import Target
from contracts.compiler.program import Program
from contracts.schema.contract import RISKS
from policies.bundle import Bundle
from policies.cedar_expression import walk
from policies.folding import always_applies, facts_of, never_applies, no_approvals
from policies.unsatisfiable import fits_resource


@dataclass(frozen=True, slots=True)
class GuardsAt:
    """The guards of one connection's writes.

    `holding` can forbid something there, `absent` are about the same contracts and cannot. `unasked` are the contracts
    of risk high or critical for which no guard asks in every case; `denied` says whether a policy then denies them.
    """

    target: Target
    holding: tuple[str, ...]
    absent: tuple[str, ...]
    unasked: tuple[str, ...]
    denied: bool

    @property
    def says(self) -> str:
        """One sentence for people."""
        held = ", ".join(self.holding) or "none"
        text = f"in `{self.target.environment}` of `{self.target.tenant}` these guards hold: {held}"
        if self.absent:
            text += f"; these do not: {', '.join(self.absent)}"
        if self.unasked:
            end = "what no guard asks for is denied" if self.denied else "what no guard asks for IS DONE UNASKED"
            text += f"; no guard always asks for {', '.join(f'`{name}`' for name in self.unasked)}: {end}"
        return text


def guards_at(bundle: Bundle, programs: Mapping[str, Program], targets: Iterable[Target]) -> tuple[GuardsAt, ...]:
    """Which guards hold at each connection, by its name. A connection without a contract that writes has none."""
    found = []
    for target in sorted(targets, key=lambda t: t.name):
        writes = [p for p in programs.values() if p.is_write and p.contract.target == target.kind]
        if writes:
            found.append(_guards_of(bundle, writes, target))
    return tuple(found)


def _guards_of(bundle: Bundle, writes: Iterable[Program], target: Target) -> GuardsAt:
    known = facts_of(target.tenant, target.environment)
    holding: set[str] = set()
    absent: set[str] = set()
    unasked: set[str] = set()
    denied = True
    for program in writes:
        sliced = bundle.slices[program.name]
        forbids = {
            n: p for n, p in sliced.nodes.items() if p.effect == "forbid" and fits_resource(p, program.resource_type)
        }
        # absent from one contract and holding for another counts as holding
        for name, policy in forbids.items():
            (absent if never_applies(policy, known) else holding).add(name)
        if RISKS.index(program.contract.risk) < RISKS.index("high"):
            continue
        # INVARIANT 2: asked is what it forbids while nobody has approved
        zeros = {**known, **no_approvals(bundle.roles)}
        asking = (p for n, p in forbids.items() if n in sliced.guards)
        if not any(_is_for_anybody(p) and always_applies(p, zeros) for p in asking):
            unasked.add(program.name)
            denied = denied and "guarded" in sliced.reads
    return GuardsAt(target, tuple(sorted(holding)), tuple(sorted(absent - holding)), tuple(sorted(unasked)), denied)


def _is_for_anybody(policy: pst.Template) -> bool:
    # a guard for agents alone, or for people alone, asks too: both must be permitted
    return isinstance(policy.principal, (pst.ScopeAny, pst.ScopeIs)) and not isinstance(policy.resource, pst.ScopeEq)


def unknown_people(bundle: Bundle, declared: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The forbids that name a person who is not declared, and that name: such a guard holds for nobody."""
    known = frozenset(declared)
    nodes = {name: node for sliced in bundle.slices.values() for name, node in sliced.nodes.items()}
    for name, node in sorted(nodes.items()):
        if node.effect == "forbid":
            for person in sorted(set(_people(node)) - known):
                yield name, person


def _people(policy: pst.Template) -> Iterator[str]:
    for scope in (policy.principal, policy.resource):
        match scope:
            case pst.ScopeEq(entity=uid) | pst.ScopeIn(entity=uid) | pst.ScopeIsIn(entity=uid):
                if isinstance(uid, pst.EntityUid) and str(uid.type) == "Person":
                    yield uid.id
    for clause in policy.clauses:
        for node in walk(clause.expr):
            if isinstance(node, pst.EntityLit) and str(node.value.type) == "Person":
                yield node.value.id
