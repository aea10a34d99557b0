"""The simulation of a release: which recorded decisions would be other ones than the release before makes of them.

Both releases decide the recorded request, so that a difference is the change's and not the time's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from contracts.action.request import Caller
from policies.budget import FULL
from policies.decision import Denied
from policies.decision_key import DecisionReads
from policies.outcome import ActionOutcome
from policies.recorded_request import RecordedRequest
from policies.release import Release

MAX_RECEIPTS: Final = 20
"""Receipts that are named behind one kind of flip."""
MAX_GROUPS: Final = 10_000
"""Kinds of flips that are kept; of further ones only the number is."""
MAX_KEYS: Final = 50_000
"""Different questions of which the outcome is remembered; with their keys they take about fifty megabytes."""
Kind = Literal["wider", "narrower"]
_OPEN: Final = "depends on the record"
"""The outcome of an early denial that another release would not make: nobody has read the record."""


class Recorded(Protocol):
    """One recorded decision."""

    @property
    def receipt(self) -> str:
        """Its receipt's id."""

    @property
    def connection(self) -> str:
        """The connection of its action; '' where it is not known."""

    @property
    def requests(self) -> bytes:
        """Cedar's requests."""

    @property
    def entities(self) -> bytes:
        """Cedar's entities."""


@dataclass(frozen=True, slots=True)
class FlipKind:
    """What flips have in common: the action, who asked, and both outcomes."""

    kind: Kind
    action: str
    agent: str
    person: str
    before: str
    after: str
    policies: tuple[str, ...]


@dataclass(slots=True)
class Flips:
    """The flips of one kind: how many, and the first receipts."""

    count: int = 0
    receipts: list[str] = field(default_factory=list)

    def add(self, other: "Flips") -> None:
        """Take others in."""
        self.count += other.count
        self.receipts = [*self.receipts, *other.receipts][:MAX_RECEIPTS]


@dataclass(slots=True)
class SimulationTally:
    """What came of some decisions. `unfit` could not be decided again: the contract or its attributes have changed."""

    same: int = 0
    unfit: int = 0
    unplaced: int = 0
    untold: int = 0
    flips: dict[FlipKind, Flips] = field(default_factory=dict)

    def flip(self, kind: FlipKind, flips: Flips) -> None:
        """Count flips of one kind."""
        # memory is bounded, and the number is still whole
        if kind not in self.flips and len(self.flips) >= MAX_GROUPS:
            self.untold += flips.count
            return
        self.flips.setdefault(kind, Flips()).add(flips)

    def add(self, other: "SimulationTally") -> None:
        """Take in what came of others."""
        self.same, self.unfit = self.same + other.same, self.unfit + other.unfit
        self.unplaced, self.untold = self.unplaced + other.unplaced, self.untold + other.untold
        for kind, flips in other.flips.items():
            self.flip(kind, flips)

    @property
    def decided(self) -> int:
        """How many decisions were decided again."""
        return self.same + self.untold + sum(one.count for one in self.flips.values())

    @property
    def wider(self) -> int:
        """How many would let more through."""
        return sum(one.count for kind, one in self.flips.items() if kind.kind == "wider")


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What both releases make of one request, and the policies that decided in one of them alone."""

    before: ActionOutcome
    after: ActionOutcome
    policies: tuple[str, ...]


class Simulation:
    """Decides recorded requests by two releases. What their policies cannot tell apart is decided once."""

    def __init__(self, before: Release, after: Release) -> None:
        self._sides = (before, after)
        self._alike: dict[tuple[str, str], bool] = {}
        self._reads: dict[str, DecisionReads] = {}
        self._decided_once: dict[bytes, _Comparison] = {}
        self._same_schema = before.decider.bundle.schema_text == after.decider.bundle.schema_text

    def of(self, decisions: Iterable[Recorded]) -> SimulationTally:
        """What would come of these decisions."""
        tally = SimulationTally()
        for one in decisions:
            try:
                self._count(tally, one)
            except (ValueError, KeyError, TypeError):
                # it does not fit one of the schemas: nobody can say what would come of it
                tally.unfit += 1
        return tally

    def _count(self, tally: SimulationTally, recorded: Recorded) -> None:
        first = self._asked(self._sides[0], recorded)
        # most decisions: the change is about other actions
        if self._is_alike(first.action, recorded.connection):
            tally.same += 1
            return
        if first.is_early and recorded.connection not in self._sides[1].targets:
            tally.unplaced += 1
            return
        found = self._compared(first, recorded)
        # the same outcome by other policies lets nothing more through
        if found.before == found.after:
            tally.same += 1
            return
        kind: Kind = "wider" if found.after.is_wider(found.before) else "narrower"
        agent, person = (str(_uid(one)["id"]) for one in first.principals)
        sides = (found.before, found.after)
        was, will = (_OPEN if first.is_early and one.permitted else one.says for one in sides)
        flip = FlipKind(kind, first.action, agent, person, was, will, found.policies)
        tally.flip(flip, Flips(1, [recorded.receipt]))

    def _compared(self, first: RecordedRequest, recorded: Recorded) -> _Comparison:
        shared = self._is_shared(recorded.connection)
        # with other roles or another environment the second release is asked something else
        key = self._reads_of(first.action).key(first, recorded.connection) if shared else None
        if key is not None and key in self._decided_once:
            return self._decided_once[key]
        before, policies = self._decided(self._sides[0], first, recorded)
        second = first if shared else self._asked(self._sides[1], recorded)
        after, others = self._decided(self._sides[1], second, recorded)
        found = _Comparison(before, after, tuple(sorted(policies ^ others)))
        if key is not None and len(self._decided_once) < MAX_KEYS:
            self._decided_once[key] = found
        return found

    def _is_shared(self, connection: str) -> bool:
        """Is a recorded request the same one for both releases?"""
        first, second = self._sides
        targets = (first.targets.get(connection), second.targets.get(connection))
        places = {one.environment if one is not None else None for one in targets}
        same_clocks = first.time_zone == second.time_zone
        return len(places) == 1 and same_clocks and first.decider.bundle.roles == second.decider.bundle.roles

    def _reads_of(self, action: str) -> DecisionReads:
        """What the policies of both releases read of a request of this action."""
        if action not in self._reads:
            slices = [side.decider.bundle.slices.get(action) for side in self._sides]
            nodes = [node for one in slices if one is not None for node in one.nodes.values()]
            self._reads[action] = DecisionReads.of(nodes)
        return self._reads[action]

    def _asked(self, side: Release, recorded: Recorded) -> RecordedRequest:
        target = side.targets.get(recorded.connection)
        environment = target.environment if target is not None else None
        roles, zone = side.decider.bundle.roles, side.time_zone
        return RecordedRequest.of(recorded.requests, recorded.entities, roles, environment, zone)

    def _is_alike(self, action: str, connection: str) -> bool:
        """Do both releases decide this action by the same policies, schema and environment?"""
        key = (action, connection)
        if key not in self._alike:
            # once for each action and connection, and not for each of a million decisions
            bundles = [side.decider.bundle for side in self._sides]
            slices = [bundle.slices[action].digest if action in bundle.slices else "" for bundle in bundles]
            targets = [side.targets.get(connection) for side in self._sides]
            places = [(one.tenant, one.environment) if one else None for one in targets]
            same_schema = bundles[0].schema_text == bundles[1].schema_text
            # the same hours by other clocks are other hours, and a budget of another window another count
            clocks = [(one.time_zone, one.decider.bundle.budgets.of(action)) for one in self._sides]
            same = same_schema and slices[0] == slices[1] != "" and places[0] == places[1]
            self._alike[key] = same and clocks[0] == clocks[1]
        return self._alike[key]

    def _decided(
        self, side: Release, asked: RecordedRequest, recorded: Recorded
    ) -> tuple[ActionOutcome, frozenset[str]]:
        # a contract that is gone is called no more
        if asked.action not in side.catalog.programs:
            return ActionOutcome(False), frozenset()
        if asked.is_early:
            denied = self._denied_early(side, asked, recorded)
            record = denied.record if denied else None
            names = record.policies.values() if record else ()
            # not denied early is no permit: the record decides
            return ActionOutcome(denied is None), frozenset(name for some in names for name in some)
        # what nobody looked up then may have been anything
        if "session" in side.decider.bundle.slices[asked.action].reads and "session" not in asked.plain:
            raise ValueError("it depends on what was seen, which nobody looked up then")
        # as live: with the approvals that the request had then
        checker = self._sides[0] if self._same_schema else side
        entities = checker.decider.entities_of(asked)
        answers = [side.decider.decide_again(asked, counts, entities) for counts in self._open_counts(side, asked)]
        outcomes = [ActionOutcome(one.permitted, one.needs) for one in answers]
        if outcomes[0] != outcomes[-1]:
            raise ValueError("it depends on a count that nobody made then")
        names = answers[0].record.policies.values()
        return outcomes[0], frozenset(name for some in names for name in some)

    def _denied_early(self, side: Release, asked: RecordedRequest, recorded: Recorded) -> Denied | None:
        """An early denial again, with the budgets that both releases count alike; the others are unknown."""
        target, caller = side.targets[recorded.connection], _caller(asked)
        covering = {one.name for one in side.decider.bundle.budgets.of(asked.action)} & self._counted_alike(asked)
        denied = side.decider.denied_early(asked.action, caller, target)
        if denied is not None or not covering:
            return denied
        budgets = {name: asked.counted[name] for name in covering}
        return side.decider.denied_by_budget(asked.action, caller, target, budgets)

    def _counted_alike(self, asked: RecordedRequest) -> set[str]:
        """The budgets that were counted then and are defined alike by both releases."""
        defined = [one.decider.bundle.budgets.by_name for one in self._sides]
        return {name for name in asked.counted if defined[0].get(name) == defined[1].get(name)}

    def _open_counts(self, side: Release, asked: RecordedRequest) -> list[dict[str, int]]:
        """Both ends of what budgets may have come to that were not counted then, or are counted otherwise now."""
        bundle = side.decider.bundle
        covering = bundle.budgets.of(asked.action)
        if not covering:
            return [{}]
        same = self._counted_alike(asked)
        unknown = [one.name for one in covering if one.name not in same]
        ends = (0, FULL) if unknown and "budget" in bundle.slices[asked.action].reads else (0,)
        return [dict.fromkeys(unknown, count) for count in ends]


def _uid(entity: Mapping[str, object]) -> Mapping[str, object]:
    uid = entity["uid"]
    return uid if isinstance(uid, Mapping) else {}


def _caller(asked: RecordedRequest) -> Caller:
    """Who asked, as an early decision takes them."""
    agent, person = asked.principals
    roles = [frozenset(str(p["id"]) for p in one["parents"]) for one in (agent, person)]  # type: ignore[union-attr,call-overload,index] # as recorded; else TypeError, which is caught
    tenant = agent["attrs"]["tenant"]  # type: ignore[index,call-overload] # the same
    return Caller(str(_uid(agent)["id"]), str(tenant), str(_uid(person)["id"]), "", roles[0], roles[1])
