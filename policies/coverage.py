"""The coverage of policy tests by condition: each part of a policy that no case has seen true, or none has seen false.

Each case is decided once more by probes (`condition_probe.py`). A condition counts as seen only where Cedar comes to
it: the scope fits, and everything before it holds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.compiler.program import Program
from policies.case import Case
from policies.condition_probe import ConditionProbes, probing, written_policies
from policies.decider import Decider
from policies.policy_position import Position
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


class Coverage:
    """What cases have seen of the policies about actions; those about no contract are looked at apart."""

    def __init__(self, decider: Decider, programs: Mapping[str, Program]) -> None:
        self._programs = programs
        self._seen: set[tuple[str, bool]] = set()
        probes = [ConditionProbes.of(syntax) for syntax in written_policies(decider.bundle)]
        self._conditions = [condition for one in probes for condition in one.conditions]
        self._decider = Decider(probing(decider.bundle, programs, probes), programs)

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


def coverage_of(decider: Decider, programs: Mapping[str, Program], cases: Iterable[Case]) -> list[ConditionCoverage]:
    """What these cases have seen of each condition."""
    coverage = Coverage(decider, programs)
    for case in cases:
        coverage.see(case)
    return coverage.conditions
