"""The mutation score of policy tests: of the mistakes that would load, how many some case notices.

A mistake that the checks of a release refuse is stopped before any test, and counts neither way. What no case notices
survives: it could be made tomorrow, and every test would pass.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from cedarpy import pst

from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.bundle import Bundle
from policies.case import Case
from policies.decider import Decider
from policies.mutation import Mutant
from policies.policy_check import faults_of
from policies.policy_file import policies_of
from policies.policy_position import policy_texts
from policies.policy_slice import Slice, groups_of, matches, slice_of
from policies.release_policy import FILE as RELEASE_FILE
from policies.release_policy import ReleasePolicies
from policies.schema import CONTEXT
from policies.testing import each, run_case


@dataclass(slots=True)
class MutationScore:
    """What came of some mistakes. `refused` do not load, and `untried` are those for which there was no time."""

    noticed: int = 0
    refused: int = 0
    untried: int = 0
    survivors: list[Mutant] = field(default_factory=list)

    def add(self, other: "MutationScore") -> None:
        """Take in what came of others."""
        self.noticed, self.refused = self.noticed + other.noticed, self.refused + other.refused
        self.untried += other.untried
        self.survivors += other.survivors

    @property
    def tried(self) -> int:
        """How many would load and were tried."""
        return self.noticed + len(self.survivors)

    @property
    def percent(self) -> float:
        """How many of them are noticed. What was not tried counts as not noticed: nobody knows it."""
        loads = self.tried + self.untried
        return 100 * self.noticed / loads if loads else 100.0


class MutationTrial:
    """Tries mistakes against the cases of one set of policies, which all pass without them."""

    def __init__(self, decider: Decider, programs: Mapping[str, Program], cases: Iterable[Case]) -> None:
        self._made = decider.bundle
        self._programs = programs
        self._groups = groups_of(programs)
        self._nodes = {n: p for s in self._made.slices.values() for n, p in s.nodes.items()}
        self._cases = [
            (one, run_case(decider, programs, one).decided) for case in cases for one in each(decider, programs, case)
        ]

    def of(self, mutants: Iterable[Mutant]) -> MutationScore:
        """What comes of these mistakes."""
        score = MutationScore()
        for mutant in mutants:
            try:
                is_noticed = self._is_noticed(mutant, self._changed(mutant))
            except (ValueError, AilyusError):
                score.refused += 1
                continue
            if is_noticed:
                score.noticed += 1
            else:
                score.survivors.append(mutant)
        return score

    def _is_noticed(self, mutant: Mutant, changed: Bundle) -> bool:
        decider = Decider(changed, self._programs)
        # the cases that the policy decides come first: most mistakes end there
        ordered = sorted(self._cases, key=lambda one: mutant.policy not in one[1])
        concerned = (case for case, _ in ordered if _concerns(changed.slices, mutant, case))
        return any(run_case(decider, self._programs, case).failure for case in concerned)

    def _changed(self, mutant: Mutant) -> Bundle:
        """The policies with one mistake. Raises `AilyusError` or ValueError where they would not load."""
        made, file = self._made, mutant.position.file
        if file == RELEASE_FILE:
            texts = [
                mutant.source if one.id == mutant.policy else one.source for one in policy_texts(file, made.texts[file])
            ]
            return replace(made, releases=ReleasePolicies.of("\n".join(texts), made.roles))
        nodes = {name: node for name, node in self._nodes.items() if name != mutant.policy}
        changed: pst.Template | None = None
        if mutant.source:
            (parsed,) = policies_of(file, mutant.source, made.schema)
            if faults := faults_of(parsed, made.roles, self._programs):
                raise faults[0]
            nodes[parsed.name] = changed = parsed.node
        slices = _Slices(made, self._groups, nodes, mutant.policy, changed)
        # every key of the context: what a mistake no longer reads must not be missing from the schema and fail a case
        return replace(made, narrow=made.schema, slices=slices)


class _Slices(Mapping[str, Slice]):
    """The slices of a set with one mistake, made when a case asks for one: most mistakes need a single one."""

    def __init__(
        self,
        made: Bundle,
        groups: Mapping[str, frozenset[str]],
        nodes: Mapping[str, pst.Template],
        policy: str,
        changed: pst.Template | None,
    ) -> None:
        self._made, self._groups, self._nodes = made, groups, nodes
        self._policy, self._changed = policy, changed
        self._sources = {name: name for name in nodes}
        self._known: dict[str, Slice] = {}

    def is_touched(self, action: str) -> bool:
        """Can the mistake say anything about this action?"""
        is_in = self._changed is not None and matches(self._changed.action, self._groups[action])
        return is_in or self._policy in self._made.slices[action].nodes

    def __getitem__(self, action: str) -> Slice:
        if action not in self._known:
            sliced = slice_of(action, self._nodes, self._sources, self._groups[action], self._made.roles)
            self._known[action] = replace(sliced, reads=CONTEXT)
        return self._known[action]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made.slices)

    def __len__(self) -> int:
        return len(self._made.slices)


def _concerns(slices: Mapping[str, Slice], mutant: Mutant, case: Case) -> bool:
    """Can a mistake change what comes of a case?"""
    is_of_releases = mutant.position.file == RELEASE_FILE
    if case.release is not None or is_of_releases:
        return case.release is not None and is_of_releases
    action = f"approve:{case.action}" if case.approver is not None else str(case.action)
    return isinstance(slices, _Slices) and slices.is_touched(action)
