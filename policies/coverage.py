"""The coverage of policy tests by condition: each part of a policy that no case has seen true, or none has seen false.

Cedar tells which policies hold and not why. So each case is decided once more by probes: permits with a policy's scope
and a beginning of its conditions. A condition counts as seen only where Cedar comes to it: the scope fits, and
everything before it holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import cedarpy
from cedarpy import pst

from contracts.compiler.program import Program
from policies.bundle import Bundle
from policies.case import Case
from policies.decider import Decider
from policies.policy_position import Position, policy_texts
from policies.policy_slice import Slice, groups_of, slice_of
from policies.policy_syntax import Clause, PolicySyntax, Span
from policies.release_policy import FILE as RELEASE_FILE
from policies.testing import each, run_case


@dataclass(frozen=True, slots=True)
class ConditionCoverage:
    """One condition of a policy, as it is written, and whether some case saw it true, and some case false."""

    policy: str
    position: Position
    text: str
    seen_true: bool
    seen_false: bool

    @property
    def is_whole(self) -> bool:
        """Was it both?"""
        return self.seen_true and self.seen_false

    @property
    def says(self) -> str:
        """What no case has shown, in words."""
        missing = "true or false" if not (self.seen_true or self.seen_false) else "false" if self.seen_true else "true"
        return f"no case makes `{self.text}` of `{self.policy}` {missing}"


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition with the probe that says whether Cedar comes to it, and the one that says whether it holds then."""

    policy: str
    position: Position
    text: str
    reached: str
    holds: str


class Coverage:
    """What cases have seen of the policies about actions; `release.cedar` has tests of its own kind."""

    def __init__(self, decider: Decider, programs: Mapping[str, Program]) -> None:
        self._programs = programs
        self._conditions: list[_Condition] = []
        self._seen: set[tuple[str, bool]] = set()
        probes: dict[str, dict[str, pst.Template]] = {}
        for file, text in sorted(decider.bundle.policy_texts.items()):
            for written in policy_texts(file, text) if file != RELEASE_FILE else ():
                probes[written.id] = self._probes(PolicySyntax.of(written))
        self._decider = Decider(_probing(decider.bundle, programs, probes), programs)

    def see(self, case: Case) -> None:
        """Look at the conditions that one case comes to."""
        for one in each(self._decider, self._programs, case):
            if one.release is None:
                for held in run_case(self._decider, self._programs, one).by_principal:
                    self._look(held)

    @property
    def conditions(self) -> list[ConditionCoverage]:
        """Each condition in the order of the files."""
        seen = self._seen
        return [
            ConditionCoverage(one.policy, one.position, one.text, (one.holds, True) in seen, (one.holds, False) in seen)
            for one in self._conditions
        ]

    def _look(self, held: frozenset[str]) -> None:
        self._seen.update((one.holds, one.holds in held) for one in self._conditions if one.reached in held)

    def _probes(self, syntax: PolicySyntax) -> dict[str, pst.Template]:
        """The probes of one policy, by their ids; the whole of it is the one with its own id."""
        name = syntax.policy.id
        # a comment in it ends with its line
        scope = "\n,".join(syntax.policy.source[span.start : span.end] for span in syntax.scope)
        texts: dict[str, str] = {}
        before = ""
        for number, clause in enumerate(syntax.clauses):
            reached = f"{name}#{number}"
            texts[reached] = before
            for at, (span, held) in enumerate(_beginnings(syntax, clause)):
                holds = f"{name}#{number}.{at}"
                texts[holds] = before + held
                self._conditions.append(_Condition(name, syntax.position(span), syntax.text(span), reached, holds))
                reached = holds
            before += f" {syntax.policy.source[clause.whole.start : clause.whole.end]}\n"
        texts[name] = before
        return {probe: _permit(probe, scope, conditions) for probe, conditions in texts.items()}


def coverage_of(decider: Decider, programs: Mapping[str, Program], cases: Iterable[Case]) -> list[ConditionCoverage]:
    """What these cases have seen of each condition."""
    coverage = Coverage(decider, programs)
    for case in cases:
        coverage.see(case)
    return coverage.conditions


def _beginnings(syntax: PolicySyntax, clause: Clause) -> Iterator[tuple[Span, str]]:
    """Each condition of a clause, with the `when` that it and all before it in the clause hold."""
    held = ""
    for span in clause.conjuncts:
        held += f" when {{ {syntax.policy.source[span.start : span.end]}\n}}"
        yield span, held


def _permit(name: str, scope: str, conditions: str) -> pst.Template:
    (found,) = cedarpy.policies_to_pst(f"permit ({scope}\n) {conditions};").static_policies.values()
    return replace(found, id=name)


def _probing(
    bundle: Bundle, programs: Mapping[str, Program], probes: Mapping[str, Mapping[str, pst.Template]]
) -> Bundle:
    """The bundle with probes in the place of its policies."""
    groups = groups_of(programs)
    slices: dict[str, Slice] = {}
    for action, old in bundle.slices.items():
        own = {probe: node for name in old.nodes for probe, node in probes[name].items()}
        made = slice_of(action, own, dict.fromkeys(own, ""), groups[action], bundle.roles)
        # whether a request is guarded hangs on the same policies, and no approvals are asked for
        slices[action] = replace(made, guards=old.guards, vectors=())
    return replace(bundle, slices=slices)
