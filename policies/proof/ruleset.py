"""The set of rules that a proof is about: policies, contracts, connections, and the decider that decides by them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from cedarpy import pst

from contracts.action.target import Target
from contracts.compiler.program import Program
from policies.bundle import Bundle
from policies.cedar_expression import walk
from policies.decider import Decider
from policies.policy_slice import groups_of
from policies.release import Release


@dataclass(frozen=True)
class Ruleset:
    """What decides. Without a connection of a contract's kind, any tenant and environment may be the resource's."""

    decider: Decider
    programs: Mapping[str, Program]
    targets: tuple[Target, ...] = ()
    time_zone: str = "UTC"
    session_hours: int = 8

    @classmethod
    def of(cls, release: Release) -> "Ruleset":
        """The rules of a release."""
        targets = tuple(release.targets.values())
        return cls(release.decider, release.catalog.programs, targets, release.time_zone, release.session_hours)

    @property
    def bundle(self) -> Bundle:
        """Its policies."""
        return self.decider.bundle

    def targets_of(self, program: Program) -> dict[str, Target]:
        """The connections that a contract acts through, by their names."""
        return {one.name: one for one in self.targets if one.kind == program.contract.target}

    @cached_property
    def groups(self) -> dict[str, frozenset[str]]:
        """The groups of every action, itself included."""
        return groups_of(self.programs)


def looks_inside(policies: Iterable[pst.Template]) -> bool:
    """Does a policy look into a text, which only strings of the solver can answer?"""
    return any(isinstance(n, pst.Like) for p in policies for clause in p.clauses for n in walk(clause.expr))
