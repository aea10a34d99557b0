"""What a release lets through that the one before held back, because a contract or a connection moved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cedarpy import pst
from pydantic import BaseModel, ConfigDict

from contracts.schema.contract import RISKS
from policies.cedar_expression import walk
from policies.folding import facts_of, never_applies
from policies.policy_slice import matches
from policies.release import Release
from policies.schema import groups, membership


class FormerContract(BaseModel):
    """Where a released contract stood among the policies: the part of its stored text that this is about."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["read", "write"]
    risk: Literal["low", "medium", "high", "critical"]
    tags: tuple[str, ...] = ()

    @property
    def groups(self) -> frozenset[str]:
        """Every action group that it was in."""
        return groups(self.kind, self.risk, self.tags)


class FormerConnection(BaseModel):
    """Where a released connection stood."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: str
    tenant: str
    environment: str


@dataclass(frozen=True, slots=True)
class Former:
    """The contracts and connections of the release before."""

    contracts: Mapping[str, FormerContract] = field(default_factory=dict)
    connections: Mapping[str, FormerConnection] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wider:
    """One contract or connection that moved, the change in words, and the policies by which that widens."""

    what: str
    change: str
    lost: tuple[str, ...] = ()
    won: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """One sentence for people."""
        text = f"wider: {self.what} {self.change}"
        if self.lost:
            text += f"; these guards hold for it no longer: {', '.join(self.lost)}"
        if self.won:
            text += f"; these policies permit it now: {', '.join(self.won)}"
        return text


def widened(former: Former, release: Release) -> tuple[Wider, ...]:
    """What the moves of contracts and connections since the release before let through, by name."""
    return (*_contracts(former, release), *_connections(former, release))


def _contracts(former: Former, release: Release) -> Iterator[Wider]:
    policies = {n: p for s in release.decider.bundle.slices.values() for n, p in s.nodes.items()}
    for name, program in sorted(release.catalog.programs.items()):
        before = former.contracts.get(name)
        if before is None:
            continue
        now = membership(program)
        # a policy names groups, so a contract widens by leaving one or by entering one
        left, entered = before.groups - now, now - before.groups
        # most contracts are as they were, and all policies would be looked through for each
        if not left and not entered:
            continue
        own = release.decider.bundle.slices[name].nodes
        lost = [n for n, p in policies.items() if p.effect == "forbid" and _mentions(p, left) and n not in own]
        # still in the slice, but its condition names a group that the contract has left
        lost += [n for n, p in own.items() if p.effect == "forbid" and _tests(p, left)]
        won = [n for n, p in own.items() if p.effect == "permit" and _mentions(p, entered)]
        won = [n for n in won if not matches(own[n].action, before.groups | {name})]
        lowered = RISKS.index(program.contract.risk) < RISKS.index(before.risk)
        changes = [f"has the risk {program.contract.risk}, and had {before.risk}"] if lowered else []
        changes += (
            [f"is a {program.contract.kind}, and was a {before.kind}"]
            if before.kind == "write" and "write" in left
            else []
        )
        changes += [f"has lost the tag {tag}" for tag in before.tags if tag not in program.contract.tags and lost]
        changes += [f"has the new tag {tag}" for tag in program.contract.tags if tag not in before.tags and won]
        if changes:
            yield Wider(f"the contract `{name}`", " and ".join(changes), tuple(sorted(set(lost))), tuple(sorted(won)))


def _mentions(policy: pst.Template, groups: frozenset[str]) -> bool:
    """Is the policy's scope about one of these groups?"""
    scope = policy.action
    named = {scope.entity.id} if isinstance(scope, pst.ActionEq) else set()
    if isinstance(scope, pst.ActionIn):
        named = {one.id for one in scope.entities}
    return bool(named & groups) or _tests(policy, groups)


def _tests(policy: pst.Template, groups: frozenset[str]) -> bool:
    """Do the policy's conditions name one of these groups?"""
    literals = (n.value for c in policy.clauses for n in walk(c.expr) if isinstance(n, pst.EntityLit))
    return any(str(uid.type) == "Action" and uid.id in groups for uid in literals)


def _connections(former: Former, release: Release) -> Iterator[Wider]:
    for target in sorted(release.targets.values(), key=lambda t: t.name):
        before = former.connections.get(target.name)
        # a connection of another kind has other contracts, and is a new one
        if before is None or before.kind != target.kind or before.environment == target.environment:
            continue
        lost = set()
        for program in release.catalog.programs.values():
            if program.contract.target != target.kind:
                continue
            for name, policy in release.decider.bundle.slices[program.name].nodes.items():
                held = not never_applies(policy, facts_of(before.tenant, before.environment))
                if (
                    policy.effect == "forbid"
                    and held
                    and never_applies(policy, facts_of(target.tenant, target.environment))
                ):
                    lost.add(name)
        if lost:
            change = f"is in `{target.environment}`, and was in `{before.environment}`"
            yield Wider(f"the connection `{target.name}`", change, tuple(sorted(lost)))
