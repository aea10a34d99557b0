"""What a change of policies means: for whom, at which action and where, the outcome is another one than before.

Both releases decide the same situations, by the decider that decides in production: each role, each connection, each
boundary value of what the policies read that differ for the action. That is a search and no proof: what it finds is so,
and `Difference.is_whole` says whether every combination was looked at. `policy prove` speaks of all requests.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Final

from cedarpy import pst
from pydantic import JsonValue

from contracts.action.request import Caller
from contracts.compiler.program import Program
from contracts.schema.contract import RISKS
from policies.approval_requirement import literals
from policies.boundary_values import (
    Key,
    Values,
    boundary_values,
    combinations,
    person_values,
    reads_tenant,
    without_unset,
)
from policies.case import Case
from policies.case_situation import context_of, people_of, roles_of, situation_of
from policies.cedar_expression import context_keys
from policies.decision import DecisionRecord
from policies.outcome import ActionOutcome, Difference, OutcomeChange, Place
from policies.release import Release
from policies.schema import RESERVED_ROLE, membership

MAX_SITUATIONS: Final = 48
"""Combinations of values of one action, for one pair of roles at one place."""
_Group = tuple[str, str, Place, ActionOutcome, ActionOutcome]
"""What is one line of a table: action, who, where, and both outcomes."""
MAX_VECTORS: Final = 12
"""Vectors of approvals that are looked at as given."""
_EVERY: Final = "every role"
_PLAIN: Final = {"name": "diff", "expect": "permitted"}


@dataclass(frozen=True, slots=True)
class _Pair:
    """One action under both releases, and the policies of its slices that differ."""

    action: str
    before: Release
    after: Release
    differing: frozenset[str]

    @property
    def program(self) -> Program:
        programs = self.after.catalog.programs
        return programs[self.action] if self.action in programs else self.before.catalog.programs[self.action]

    @property
    def zones(self) -> tuple[str, ...]:
        """The time zones by whose clocks they decide."""
        return tuple(dict.fromkeys((self.before.time_zone, self.after.time_zone)))

    @property
    def reads(self) -> Iterator[frozenset[str]]:
        """The keys of the context that its slices read."""
        for release in (self.before, self.after):
            if self.action in release.decider.bundle.slices:
                yield release.decider.bundle.slices[self.action].reads

    def policies(self, prefix: str = "") -> list[pst.Template]:
        """Every version of every policy of both slices: what only the former one reads turns an outcome, too."""
        deciders = (self.before.decider, self.after.decider)
        slices = [decider.bundle.slices.get(prefix + self.action) for decider in deciders]
        return [node for one in slices if one is not None for node in one.nodes.values()]

    def is_open(self, policy: pst.Template) -> bool:
        """May the change be in what this policy decides? It is another one, or it reads clocks that are others."""
        keys = {key for clause in policy.clauses for key in context_keys(clause.expr)}
        return policy.id in self.differing or (len(self.zones) > 1 and not keys.isdisjoint({"env", "*"}))

    def places(self) -> Iterator[Place]:
        """Each connection of the contract, and each environment that has none."""
        kind, seen = self.program.contract.target, set()
        for name, target in sorted(self.after.targets.items()):
            if target.kind == kind:
                former = self.before.targets.get(name)
                was = former.environment if former else target.environment
                place = Place(name, target.tenant, was, target.environment)
                seen |= {place.before, place.after}
                yield place
        declared = self.before.decider.bundle.environments & self.after.decider.bundle.environments
        # a guard of an environment without a connection is looked at before there is one
        for environment in sorted(declared - seen):
            yield Place("", "acme", environment, environment)


def outcome_changes(
    before: Release,
    after: Release,
    step: Callable[[int, int], None] | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> Difference:
    """Every change of an outcome that the search finds, the riskiest actions first. Takes seconds: run it off the loop.

    `is_over` is asked before each action: an end before the last one makes the difference not whole.
    """
    pairs = sorted(_pairs(before, after), key=lambda pair: -RISKS.index(pair.program.contract.risk))
    found: list[OutcomeChange] = []
    count, is_whole = 0, True
    for done, pair in enumerate(pairs):
        if is_over():
            is_whole = False
            break
        changes, looked, whole = _changes(pair)
        found += changes
        count, is_whole = count + looked, is_whole and whole
        if step is not None:
            step(done + 1, len(pairs))
    return Difference(tuple(sorted(found, key=_by_risk)), count, is_whole)


def _by_risk(change: OutcomeChange) -> tuple[object, ...]:
    risk = RISKS.index(change.risk)
    return (not change.widens, not change.after.permitted, -risk, change.action, change.place.connection, change.who)


def _pairs(before: Release, after: Release) -> Iterator[_Pair]:
    for action in sorted(before.catalog.programs.keys() | after.catalog.programs.keys()):
        programs = [release.catalog.programs.get(action) for release in (before, after)]
        differing = frozenset(
            name for prefix in ("", "approve:") for name in _differing(before, after, prefix + action)
        )
        pair = _Pair(action, before, after, differing)
        has_moved = any(place.before != place.after for place in pair.places())
        # a policy may name a group in its conditions, so a moved contract counts as well
        regrouped = None in programs or len({membership(one) for one in programs if one}) > 1
        # the same hours by other clocks are other hours
        reset = len(pair.zones) > 1 and any("env" in reads for reads in pair.reads)
        if differing or has_moved or regrouped or reset:
            yield pair


def _differing(before: Release, after: Release, action: str) -> Iterator[str]:
    sides = [release.decider.bundle for release in (before, after)]
    nodes = [one.nodes if (one := side.slices.get(action)) else {} for side in sides]
    for name in nodes[0].keys() | nodes[1].keys():
        if name not in nodes[0] or name not in nodes[1] or sides[0].sources[name] != sides[1].sources[name]:
            yield name


def _changes(pair: _Pair) -> tuple[list[OutcomeChange], int, bool]:
    """The changes of one action, how many situations were looked at, and whether those are all."""
    found: dict[_Group, OutcomeChange] = {}
    count, is_whole = 0, True
    values = boundary_values(pair.policies(), pair.program, pair.zones)
    # of everything that is read, so that no other policy hides the change
    some, whole = combinations(values, MAX_SITUATIONS)
    if not whole:
        own = [node for node in pair.policies() if pair.is_open(node)] or pair.policies()
        some, is_whole = combinations(boundary_values(own, pair.program, pair.zones), MAX_SITUATIONS)[0], False
    held = [{}, *_approvals(pair)]
    for place in pair.places():
        for who, asker in _principals(pair, place):
            # what is denied to them whatever the record looks like, before and after, differs in nothing
            if _is_denied_early(pair, place, asker):
                continue
            for own_values, approvals in product(some, held):
                count += 1
                change = _compared(pair, who, place, _case(pair.action, place, {**asker, **own_values, **approvals}))
                if change is not None:
                    _add(found, change)
        for change in _approvers(pair, place):
            _add(found, change)
    return list(_joined(found.values())), count, is_whole


def _joined(changes: Iterable[OutcomeChange]) -> Iterator[OutcomeChange]:
    """One change for all who see the same one; mixtures of roles only where no single role shows it."""
    rows: dict[tuple[str, str, str, ActionOutcome, ActionOutcome], list[OutcomeChange]] = {}
    for one in changes:
        rows.setdefault((one.action, one.place.tenant, one.place.says, one.before, one.after), []).append(one)
    for same in rows.values():
        # what one role alone shows needs no mixture of roles to be told
        single = [one for one in same if _EVERY not in one.who]
        shown = single or same
        policies = tuple(sorted({name for one in same for name in one.policies}))
        who = ", ".join(dict.fromkeys(one.who for one in shown))
        yield replace(shown[0], who=who, policies=policies, situations=sum(one.situations for one in same))


def _is_denied_early(pair: _Pair, place: Place, asker: Values) -> bool:
    case = _case(pair.action, place, asker)
    for release in (pair.before, pair.after):
        target = release.targets.get(place.connection)
        if pair.action not in release.catalog.programs:
            continue
        if target is None:
            return False
        _, caller, _ = situation_of(release.decider, release.catalog.programs, case)
        if release.decider.denied_early(pair.action, caller, target) is None:
            return False
    return True


def _add(found: dict[_Group, OutcomeChange], change: OutcomeChange) -> None:
    group = (change.action, change.who, change.place, change.before, change.after)
    # one line of a table: the first situation stands for the others
    first = found.get(group)
    if first is None:
        found[group] = change
    else:
        policies = tuple(sorted({*first.policies, *change.policies}))
        found[group] = replace(first, policies=policies, situations=first.situations + 1)


def _principals(pair: _Pair, place: Place) -> Iterator[tuple[str, Values]]:
    """Who asks: agent and person of each role that a policy names, of none, and of all; of another tenant if it counts.

    Agent and person have different roles only where a policy that differs is about one kind of them: any other one
    decides alike for both, and both must be permitted.
    """
    # a role that no policy names decides nothing; one that only the former version names does
    policies = pair.policies()
    named = sorted({uid.id for node in policies for uid in pst.entity_uids(node) if str(uid.type) == "Role"})
    roles: dict[str, list[JsonValue]] = {"no role": [], **{role: [role] for role in named}, _EVERY: ["*"]}
    own = [node for node in policies if node.id in pair.differing]
    mixed = any(isinstance(node.principal, pst.ScopeIs | pst.ScopeIsIn) for node in own)
    for tenant in (place.tenant, *(("another",) if reads_tenant(own) else ())):
        for one in roles:
            for agent, person in dict.fromkeys(((one, one), *(((one, _EVERY), (_EVERY, one)) if mixed else ()))):
                who = agent if agent == person else f"agent of {agent} for person of {person}"
                who = who if tenant == place.tenant else f"{who} of another tenant"
                tenants: Values = {("agent", "tenant"): tenant, ("person", "tenant"): tenant}
                yield who, {**tenants, ("agent", "roles"): roles[agent], ("person", "roles"): roles[person]}


def _approvals(pair: _Pair) -> Iterator[Values]:
    """All approvals that anything asks for, at the ages at which one of the differing policies turns."""
    roles = pair.before.decider.bundle.roles | pair.after.decider.bundle.roles
    policies = pair.policies()
    differing = [node for node in policies if node.id in pair.differing]
    asked, own = (
        [(role, n) for node in some for c in node.clauses for role, n in literals(c.expr, roles)]
        for some in (policies, differing)
    )
    most: dict[str, int] = {}
    for role, n in asked:
        if role != RESERVED_ROLE:
            most[role] = max(n, most.get(role, 0))
    # fewer than all, too: an approval that was enough may be half of what is asked for now
    counts = [[(role, n) for n in range(high + 1)] for role, high in sorted(most.items())] if own else []
    for vector in islice(product(*counts), 1, MAX_VECTORS):
        yield {("approvals",): dict(vector)}
    ages = sorted({age + step for name, age in own if name == RESERVED_ROLE for step in (-1, 0, 1) if age + step >= 0})
    for age in ages if most else ():
        yield {("approvals",): {**most}, ("oldest_seconds",): age}


def _case(action: str, place: Place, values: Values) -> Case:
    document: dict[str, JsonValue] = {**_PLAIN, "action": action}
    tenant: dict[str, JsonValue] = {"tenant": place.tenant}
    document |= {"agent": dict(tenant), "person": dict(tenant), "resource": {**tenant, "environment": place.before}}
    for key, value in without_unset(values).items():
        part: dict[str, JsonValue] = document
        for name in key[:-1]:
            inner = part.setdefault(name, {})
            part = inner if isinstance(inner, dict) else {}
        part[key[-1]] = value
    return Case.model_validate(document)


def _compared(pair: _Pair, who: str, place: Place, case: Case) -> OutcomeChange | None:
    outcomes: list[ActionOutcome] = []
    decided: set[str] = set()
    for release, environment in ((pair.before, place.before), (pair.after, place.after)):
        outcome, record = _decided(release, case, environment)
        outcomes.append(outcome)
        decided |= {name for names in record.policies.values() for name in names} if record else set()
    if outcomes[0] == outcomes[1]:
        return None
    # where none of them decided, it is what they no longer hold back
    policies = tuple(sorted(pair.differing & decided or pair.differing))
    return _change(pair, who, place, case, outcomes, policies)


def _change(
    pair: _Pair, who: str, place: Place, case: Case, outcomes: Sequence[ActionOutcome], policies: tuple[str, ...]
) -> OutcomeChange:
    program = pair.program
    action = f"approve:{pair.action}" if case.approver is not None else pair.action
    before, after = outcomes
    risk, kind = program.contract.risk, program.resource_type
    return OutcomeChange(who, action, risk, kind, place, before, after, policies, case, 1)


def _decided(release: Release, case: Case, environment: str) -> tuple[ActionOutcome, DecisionRecord | None]:
    programs, decider = release.catalog.programs, release.decider
    if str(case.action) not in programs or environment not in decider.bundle.environments:
        return ActionOutcome(False), None
    case = _at(case, environment, release.time_zone)
    request, caller, facts = situation_of(decider, programs, case)
    decider = decider.among(people_of(case, caller))
    decision = decider.decide(request, caller, facts, context_of(case, decider), case.approvals, case.oldest_seconds)
    return ActionOutcome.of(decision), decision.record


def _approvers(pair: _Pair, place: Place) -> Iterator[OutcomeChange]:
    """Who may approve the action, role by role, in the same tenant and from another one, by what is known of people."""
    policies = tuple(sorted(pair.differing & {node.id for node in pair.policies("approve:")}))
    if not policies:
        return
    values = person_values(pair.policies("approve:"), (("principal",),), "approver")
    values |= person_values(pair.policies("approve:"), (("context", "requester"),), "person")
    some, _ = combinations(values, MAX_SITUATIONS)
    for role in sorted(pair.before.decider.bundle.roles & pair.after.decider.bundle.roles):
        for tenant, known in product((place.tenant, "another"), some):
            approver: dict[Key, JsonValue] = {("approver", "roles"): [role], ("approver", "tenant"): tenant}
            case = _case(pair.action, place, {**approver, **known, ("role",): role, ("expect",): "may_approve"})
            outcomes = [
                ActionOutcome(_may_approve(release, case, environment))
                for release, environment in ((pair.before, place.before), (pair.after, place.after))
            ]
            if outcomes[0] != outcomes[1]:
                who = role if tenant == place.tenant else f"{role} of another tenant"
                yield _change(pair, who, place, case, outcomes, policies)


def _may_approve(release: Release, case: Case, environment: str) -> bool:
    decider, programs = release.decider, release.catalog.programs
    if case.approver is None or str(case.action) not in programs or environment not in decider.bundle.environments:
        return False
    approver, case = case.approver, _at(case, environment, release.time_zone)
    request, caller, facts = situation_of(decider, programs, case)
    person = Caller("", approver.tenant, "approver", "approver", frozenset(), roles_of(decider, approver))
    decider = decider.among(people_of(case, caller, person.person))
    return decider.may_approve(request, caller, facts, context_of(case, decider), person, case.role or "") is not None


def _at(case: Case, environment: str, time_zone: str) -> Case:
    resource = case.resource.model_copy(update={"environment": environment})
    return case.model_copy(update={"resource": resource, "time_zone": time_zone})
