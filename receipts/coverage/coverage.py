"""Coverage of one target: events of its audit log without a receipt, and receipts without an event.

Every event of our credential belongs to at most one receipt, and every receipt to at most one event for each of its
sends. First by the target's own request id, then by objects, action and time. What a receipt and an event only have in
part in common is never a match: it is told as ambiguous, and so is what could belong to several.

- An event MUST NOT count for two receipts.
- Nothing MUST be left out: each event of our credential is matched, unreceipted, ambiguous or ignored by name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.action.target_event import TargetEvent
from receipts.coverage.changes import AttemptSpan, ReceiptedChange
from receipts.coverage.pairing import Surplus, pair, surplus


@dataclass(frozen=True, slots=True)
class CoverageRule:
    """What is ours, and what may belong together. `skew_ms`: by how much clocks differ; `late_ms`: how late an
    effect comes of which nothing is known. `actions` are those of the target's log by contract, where they are named.
    """

    actors: frozenset[str]
    actions: Mapping[str, frozenset[str]]
    ignore: frozenset[str]
    since_ms: int
    until_ms: int
    skew_ms: int
    late_ms: int


@dataclass(frozen=True, slots=True)
class AmbiguousGroup:
    """Of these events and receipts, `number` lack the other; which ones cannot be told. `lacks` is what they lack."""

    events: tuple[TargetEvent, ...]
    changes: tuple[ReceiptedChange, ...]
    lacks: str
    number: int


@dataclass(slots=True)
class TargetCoverage:
    """What was found. `matched` are receipts by the ids of events; `foreign` counts events of others."""

    matched: dict[str, str] = field(default_factory=dict)
    unreceipted: list[TargetEvent] = field(default_factory=list)
    eventless: list[ReceiptedChange] = field(default_factory=list)
    ambiguous: list[AmbiguousGroup] = field(default_factory=list)
    ignored: int = 0
    foreign: int = 0


Fits = Callable[[TargetEvent, ReceiptedChange], bool]


def cover(events: Sequence[TargetEvent], changes: Sequence[ReceiptedChange], rule: CoverageRule) -> TargetCoverage:
    """Match what is given, oldest first."""
    ours = [one for one in events if one.is_change and not rule.actors.isdisjoint(one.actors)]
    own = [one for one in ours if one.action not in rule.ignore]
    found = TargetCoverage(ignored=len(ours) - len(own), foreign=len(events) - len(ours))
    matcher = _Matcher(rule, found, sorted(own, key=lambda one: (one.at_ms, one.id)), list(changes))
    matcher.match(_same_request)
    matcher.match(_all_objects, is_last=True)
    matcher.rest()
    return found


@dataclass(slots=True)
class _Matcher:
    """What is not matched yet: events, and the receipts that still need one."""

    rule: CoverageRule
    found: TargetCoverage
    events: list[TargetEvent]
    changes: list[ReceiptedChange]

    def match(self, fits: Fits, *, is_last: bool = False) -> None:
        """One round: what it pairs for certain is matched, what could be several is ambiguous, the rest stays."""
        edges = self._edges(fits)
        taken = pair(len(self.events), edges)
        paired = {event: change for change, event in taken.items()}
        paired |= self._repeated(edges, paired)
        for group in surplus(len(self.events), edges, taken):
            number = sum(n not in paired for n in group.left)
            # guard: a change that was made twice
            if number and group.right:
                self._doubt(group, "receipt", number)
                paired |= dict.fromkeys(group.left, -1)
        covered = set(taken)
        if is_last:
            covered |= self._lacking(edges, taken)
        for event, change in paired.items():
            if change >= 0:
                self.found.matched[self.events[event].id] = self.changes[change].receipt
        self.events = [one for n, one in enumerate(self.events) if n not in paired]
        self.changes = [one for m, one in enumerate(self.changes) if m not in covered]

    def rest(self) -> None:
        """What nothing matched: findings, or a group where an event and a receipt have something in common."""
        doubtful: set[str] = set()
        for change in (one for one in self.changes if _is_due(one, self.rule)):
            could = tuple(one for one in self.events if _some_object(one, change) and _may(one, change, self.rule))
            doubtful.update(one.id for one in could)
            if could:
                self.found.ambiguous.append(AmbiguousGroup(could, (change,), "match", 1))
            else:
                self.found.eventless.append(change)
        self.found.unreceipted += [one for one in self.events if one.id not in doubtful]

    def _edges(self, fits: Fits) -> dict[int, list[int]]:
        by_name: dict[str, list[int]] = {}
        for m, change in enumerate(self.changes):
            for name in change.objects | change.request_ids:
                by_name.setdefault(name, []).append(m)
        edges: dict[int, list[int]] = {}
        for n, event in enumerate(self.events):
            named = [by_name.get(name, []) for name in (*event.objects, *filter(None, (event.request_id,)))]
            # a superset of all objects is among those of the rarest one; a request is known by its id
            narrow = min(named[: len(event.objects)] or [[]], key=len)
            could = sorted({*narrow, *(named[-1] if event.request_id else ())})
            edges[n] = [m for m in could if fits(event, self.changes[m]) and _may(event, self.changes[m], self.rule)]
        return edges

    def _repeated(self, edges: Mapping[int, Sequence[int]], paired: Mapping[int, int]) -> dict[int, int]:
        """A send that was repeated may have had its effect twice: the further events of one receipt."""
        spare = {m: len(self.changes[m].attempts) - 1 for m in paired.values()}
        more: dict[int, int] = {}
        for event in (n for n in edges if n not in paired):
            again = next((m for m in edges[event] if spare.get(m, 0) > 0), None)
            if again is not None:
                spare[again] -= 1
                more[event] = again
        return more

    def _lacking(self, edges: Mapping[int, Sequence[int]], taken: Mapping[int, int]) -> set[int]:
        """The receipts of which some lack an event, but not which ones: told as a group, and settled by that."""
        back: dict[int, list[int]] = {}
        for n, others in edges.items():
            for m in others:
                back.setdefault(m, []).append(n)
        settled: set[int] = set()
        for group in surplus(len(self.changes), back, {n: m for m, n in taken.items()}):
            if not group.right:
                continue
            settled |= set(group.left)
            optional = sum(not _is_due(self.changes[m], self.rule) for m in group.left)
            if group.number > optional:
                self._doubt(Surplus(group.right, group.left, group.number), "event", group.number - optional)
        return settled

    def _doubt(self, group: Surplus, lacks: str, number: int) -> None:
        events = tuple(self.events[n] for n in group.left)
        changes = tuple(self.changes[m] for m in group.right)
        self.found.ambiguous.append(AmbiguousGroup(events, changes, lacks, number))


def _is_due(change: ReceiptedChange, rule: CoverageRule) -> bool:
    """Must its event be in the window, whatever the clocks? Not while it is open."""
    if change.open:
        return False
    spans = [_span(one, rule) for one in change.attempts]
    return any(rule.since_ms <= low and high <= rule.until_ms for low, high in spans)


def _span(attempt: AttemptSpan, rule: CoverageRule) -> tuple[int, int]:
    late = rule.late_ms if attempt.in_doubt else 0
    return attempt.began_ms - rule.skew_ms, attempt.ended_ms + rule.skew_ms + late


def _may(event: TargetEvent, change: ReceiptedChange, rule: CoverageRule) -> bool:
    """Do action, object, time and request id allow that they are one?"""
    known = rule.actions.get(change.contract)
    if known is not None and event.action not in known:
        return False
    if event.objects and change.objects.isdisjoint(event.objects):  # guard: a request id that was used again
        return False
    for attempt in change.attempts:
        low, high = _span(attempt, rule)
        told = event.request_id is not None and attempt.request_id is not None
        if low <= event.at_ms <= high and (not told or event.request_id == attempt.request_id):
            return True
    return False


def _same_request(event: TargetEvent, change: ReceiptedChange) -> bool:
    return event.request_id is not None and event.request_id in change.request_ids


def _all_objects(event: TargetEvent, change: ReceiptedChange) -> bool:
    return bool(event.objects) and change.objects.issuperset(event.objects)


def _some_object(event: TargetEvent, change: ReceiptedChange) -> bool:
    return not event.objects or not change.objects.isdisjoint(event.objects)
