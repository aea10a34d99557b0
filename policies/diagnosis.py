"""The diagnosis of a decision: which part of each policy fails, which single change turns it, and who could approve.

`policy explain` and the console's question show it. It asks the decider that decides in production; each part of a
policy is asked about by a probe, which decides nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

import orjson
from cedarpy import pst
from pydantic import JsonValue, ValidationError

from contracts.action.request import Caller
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.boundary_values import Key, boundary_values, without_unset
from policies.case import Case
from policies.case_situation import context_of, people_of, situation_of
from policies.condition_probe import ConditionProbes, probing, written_policies
from policies.decider import Decider
from policies.decision import ApprovalRequired, Decision
from policies.outcome import ActionOutcome
from policies.principal import People, Person
from policies.testing import evaluate, run_case

MAX_CHANGES: Final = 400
"""Changes of a situation that are tried; each costs one decision."""
_SCOPE: Final = "the policy is about others"
_ASKED: Final[Mapping[str, JsonValue]] = {"verified": True, "requesterIsSubject": True}


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What one policy comes to for `who`: the agent, the person, or both alike.

    `failing`: the part that does not hold, '' for none. `is_near`: it is about them, and one of its conditions fails.
    """

    who: str
    policy: str
    effect: str
    failing: str
    is_near: bool

    @property
    def holds(self) -> bool:
        """Does all of it hold?"""
        return not self.failing

    @property
    def says(self) -> str:
        """One line for people."""
        verb = "permits" if self.effect == "permit" else "forbids"
        return f"{self.who}: `{self.policy}` " + (f"{verb} it" if self.holds else f"does not apply: {self.failing}")


@dataclass(frozen=True, slots=True)
class Flip:
    """A single change of the situation with which the outcome is another one."""

    change: str
    after: ActionOutcome

    @property
    def says(self) -> str:
        """One line for people."""
        return f"with {self.change}: {self.after.says}"


@dataclass(frozen=True, slots=True)
class Giver:
    """Somebody who could give an approval that is asked for, in this role."""

    person: str
    role: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A decision, and why it is not another one. `givers` is empty where nobody is asked, or nobody could approve."""

    decision: Decision
    verdicts: tuple[PolicyVerdict, ...]
    flips: tuple[Flip, ...]
    givers: tuple[Giver, ...]

    @property
    def outcome(self) -> ActionOutcome:
        """Denied, asked for or permitted."""
        return ActionOutcome.of(self.decision)

    @property
    def lines(self) -> list[str]:
        """What fails where it nearly held, and what would turn the decision."""
        near = [one.says for one in self.verdicts if one.is_near or (one.failing and one.effect == "permit")]
        people = [f"could approve: `{one.person}` as {one.role}" for one in self.givers]
        return [*near, *(one.says for one in self.flips), *people]


def diagnosis_of(
    decider: Decider, programs: Mapping[str, Program], case: Case, shown: Collection[str] | None = None
) -> Diagnosis:
    """The diagnosis of one case; with `shown`, only of these policies and what they read. Raises `AilyusError`."""
    decision = evaluate(decider, programs, case)
    nodes = decider.bundle.slices[str(case.action)].nodes
    own = {name: node for name, node in nodes.items() if shown is None or name in shown}
    verdicts = sorted(_joined(_verdicts(decider, programs, case, own)), key=_order)
    flips = _flips(decider, programs, case, ActionOutcome.of(decision), own)
    return Diagnosis(decision, tuple(verdicts), tuple(flips), ())


def with_givers(
    diagnosis: Diagnosis,
    decider: Decider,
    programs: Mapping[str, Program],
    case: Case,
    people: Iterable[tuple[Person, frozenset[str]]],
) -> Diagnosis:
    """The same with those of these people, by the roles that they hold, who could approve what is asked for."""
    if not isinstance(diagnosis.decision, ApprovalRequired):
        return diagnosis
    wanted = {role for need in diagnosis.decision.needs for role, _ in need}
    request, caller, facts = situation_of(decider, programs, case)
    known, context = people_of(case, caller).by_name, context_of(case, decider)
    found: list[Giver] = []
    for person, roles in people:
        approver = Caller("", person.tenant, person.name, person.name, frozenset(), roles)
        among = decider.among(People({**known, person.name: person}))
        for role in sorted(wanted & roles):
            if among.may_approve(request, caller, facts, context, approver, role) is not None:
                found.append(Giver(person.name, role))
    return replace(diagnosis, givers=tuple(found))


def _order(one: PolicyVerdict) -> tuple[bool, bool, str, str]:
    return not one.holds, not one.is_near, one.who, one.policy


def _joined(verdicts: Iterable[PolicyVerdict]) -> Iterator[PolicyVerdict]:
    """One line for agent and person where a policy comes to the same for both."""
    alike: dict[PolicyVerdict, list[str]] = {}
    for one in verdicts:
        alike.setdefault(replace(one, who=""), []).append(one.who)
    for one, who in alike.items():
        yield replace(one, who=" and ".join(who))


def _verdicts(
    decider: Decider, programs: Mapping[str, Program], case: Case, nodes: Mapping[str, pst.Template]
) -> Iterator[PolicyVerdict]:
    action, bundle = str(case.action), decider.bundle
    probes = [ConditionProbes.of(one) for one in written_policies(bundle) if one.policy.id in nodes]
    narrow = replace(bundle, slices={action: bundle.slices[action]})
    asked = run_case(Decider(probing(narrow, programs, probes), programs), programs, case)
    for who, held in zip(("agent", "person"), asked.by_principal, strict=False):
        for one in probes:
            failing = "" if one.policy in held else _failing(one, held)
            is_near = bool(failing) and one.scope in held
            yield PolicyVerdict(who, one.policy, nodes[one.policy].effect, failing, is_near)


def _failing(probes: ConditionProbes, held: frozenset[str]) -> str:
    """The first part of a policy that does not hold."""
    if probes.scope not in held:
        return _SCOPE
    clause: list[str] = []
    for at, one in enumerate(probes.conditions):
        if not one.is_unless:
            if one.reached in held and one.holds not in held:
                return f"`{one.text}` is not so"
            continue
        clause.append(one.text)
        is_last = at + 1 == len(probes.conditions) or probes.conditions[at + 1].reached != one.holds
        # all of an `unless` together is what keeps a policy away
        if is_last and one.holds in held:
            return f"`{' && '.join(clause)}` is so"
        clause = [] if is_last else clause
    return "a part of it could not be evaluated"


def _flips(
    decider: Decider,
    programs: Mapping[str, Program],
    case: Case,
    now: ActionOutcome,
    nodes: Mapping[str, pst.Template],
) -> Iterator[Flip]:
    """The first value of each thing that turns the outcome; the nearest one where values have a distance."""
    program = programs[str(case.action)]
    plain = case.model_copy(update={"request": dict(_ASKED)}) if program.asked and case.request is None else case
    document: dict[str, JsonValue] = plain.model_dump(mode="json", exclude={"need", "because"})
    document["expect"] = "permitted"
    done: set[str] = set()
    for name, words, changed in islice(_changed(decider, program, document, nodes, case.time_zone), MAX_CHANGES):
        if name in done:
            continue
        try:
            after = ActionOutcome.of(evaluate(decider, programs, Case.model_validate(changed)))
        except (AilyusError, ValidationError):
            # a literal of another type is no value of this
            continue
        if after != now:
            done.add(name)
            yield Flip(words, after)


def _changed(
    decider: Decider,
    program: Program,
    document: Mapping[str, JsonValue],
    nodes: Mapping[str, pst.Template],
    time_zone: str,
) -> Iterator[tuple[str, str, Mapping[str, JsonValue]]]:
    """Each single change: what it is about, in words, and the situation with it."""
    policies = list(nodes.values())
    roles = {uid.id for node in policies for uid in pst.entity_uids(node) if str(uid.type) == "Role"}
    for role in sorted(roles & decider.bundle.roles):
        for who in (("agent",), ("person",), ("agent", "person")):
            changed, lacks = document, False
            for one in who:
                held = _at(changed, (one, "roles"))
                lacks = isinstance(held, list) and role not in held
                changed = _with(changed, (one, "roles"), [*held, role]) if isinstance(held, list) else changed
            if lacks and changed != document:
                yield f"role {role} {who}", f"the role {role} of {' and '.join(who)}", changed
    values: dict[Key, list[JsonValue]] = {("resource", "environment"): [*sorted(decider.bundle.environments)]}
    if (own := _at(document, ("agent", "tenant"))) != _at(document, ("resource", "tenant")):
        values["resource", "tenant"] = [own]
    for key, some in (values | boundary_values(policies, program, (time_zone,))).items():
        current = _at(document, key)
        for value in sorted(some, key=lambda one, current=current: _distance(one, current)):  # type: ignore[misc]
            if value != current and without_unset({key: value}):
                words = f"`{'.'.join(key)}: {orjson.dumps(value).decode()}`"
                yield ".".join(key), words, _with(document, key, value)


def _distance(one: JsonValue, current: JsonValue) -> float:
    if isinstance(one, str) and isinstance(current, str):
        try:
            return abs((datetime.fromisoformat(one) - datetime.fromisoformat(current)).total_seconds())
        except (TypeError, ValueError):
            return 0.0
    if isinstance(one, int | float) and isinstance(current, int | float):
        return abs(one - current)
    return 0.0


def _at(document: Mapping[str, JsonValue], key: Key) -> JsonValue:
    found: JsonValue = dict(document)
    for name in key:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _with(document: Mapping[str, JsonValue], key: Key, value: JsonValue) -> dict[str, JsonValue]:
    name, *rest = key
    part = document.get(name)
    inner = _with(part if isinstance(part, dict) else {}, tuple(rest), value) if rest else value
    return {**document, name: inner}
