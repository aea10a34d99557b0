"""Decisions that have the same key have the same outcome, also where a policy asks who somebody is."""

from dataclasses import replace
from itertools import product

import pytest

from contracts.action.request import Caller
from policies.case_situation import NOW_MS
from policies.decision import DecisionContext, Rate
from policies.decision_key import DecisionReads
from policies.recorded_request import RecordedRequest
from policies.simulation import Simulation, SimulationTally
from tests.policies.edited_releases import BEFORE, EDITS, Kept
from tests.policies.making import clauses, facts, request
from tests.policies.small_world import BASE, ROLES, release

KEPT: list[Kept] = []
for action, name, resource, roles, hour, approvals in product(
    ("get_user", "suspend_user"),
    ("ann", "bea"),
    ("r1", "r2"),
    ((), ("Support",)),
    (0, 5, 12),
    ({}, {"SecurityLead": 1}),
):
    caller = Caller("bot", "acme", name, name, frozenset(roles), frozenset(roles))
    context = DecisionContext(NOW_MS + hour, rate=Rate(last_hour=hour))
    made = BEFORE.decider.decide(request(action), caller, facts(action, resource_id=resource), context, approvals, 0)
    assert made.record is not None
    KEPT.append(Kept(f"rcp_{len(KEPT)}", "okta", made.record.requests, made.record.entities))


def flips(tally: SimulationTally) -> dict[tuple[str, ...], list[str]]:
    return {
        (k.action, k.person, k.before, k.after, *k.policies): sorted(flips.receipts) for k, flips in tally.flips.items()
    }


@pytest.mark.parametrize("name", [*EDITS, "by a name", "by an id", "by who is meant", "by which it is"])
def test_what_is_decided_once_is_what_each_decision_alone_is(name: str) -> None:
    own = {
        "by a name": 'principal is Person, action, resource) when { principal.name == "bea"',
        "by an id": 'principal, action in Action::"write", resource == OktaUser::"r2"',
        "by which it is": 'principal, action == Action::"suspend_user", resource) when { [OktaUser::"r2", OktaUser::"r9"].contains(resource)',
        "by who is meant": 'principal, action in Action::"write", resource) when { principal == context.person',
    }
    text = own.get(name, "")
    end = " };" if "{" in text else ");"
    after = EDITS[name] if name in EDITS else release(f'{BASE}\n@id("own") forbid ({text}{end}')
    together, alone = Simulation(BEFORE, after), SimulationTally()
    for one in KEPT:
        alone.add(Simulation(BEFORE, after).of([one]))
    found = together.of(KEPT)
    assert flips(found) == flips(alone)
    assert (found.same, found.unfit) == (alone.same, alone.unfit)


def test_users_that_policies_cannot_tell_apart_are_asked_about_once() -> None:
    simulation = Simulation(BEFORE, EDITS["the limit is lower"])
    simulation.of(KEPT)
    # by action, roles, use and approvals; reads are decided alike by both
    assert len(simulation._decided_once) == 2 * 3 * 2


def key(conditions: str, one: Kept = KEPT[-1]) -> bytes | None:
    asked = RecordedRequest.of(one.requests, one.entities, ROLES, None)
    return DecisionReads.of([clauses(conditions)]).key(asked, "okta")


def test_who_is_compared_with_whom_is_asked_once_for_all_people() -> None:
    own = '@id("own") forbid (principal is Person, action in Action::"write", resource) when { principal != context.person };'
    simulation = Simulation(BEFORE, release(f"{BASE}\n{own}"))
    simulation.of(KEPT)
    # as many as where no policy asks who it is
    assert len(simulation._decided_once) == 2 * 3 * 2


@pytest.mark.parametrize("condition", ["context.env == context.env", "(if true then context else context).repeat > 1"])
def test_whole_records_have_no_key(condition: str) -> None:
    assert key(f"when {{ {condition} }}") is None


@pytest.mark.parametrize(
    ("condition", "differs"),
    [
        ('principal == Person::"bea"', True),
        ('[Person::"ann"].contains(principal)', True),
        ('Person::"ann".onCall', True),
        ('principal in Person::"ann"', True),
        ('principal == Person::"eve"', False),
        ("context.person == principal", False),
        ("resource == resource", False),
        ('resource is OktaUser in User::"x"', False),
    ],
)
def test_whom_a_policy_names_stays_apart(condition: str, differs: bool) -> None:
    # the last decisions of both people: 24 lie between them
    one, other = KEPT[-1], KEPT[-25]
    assert one.requests != other.requests
    keys = [key(f"when {{ {condition} }}", kept) for kept in (one, other)]
    assert None not in keys
    assert (keys[0] != keys[1]) is differs


@pytest.mark.parametrize(
    ("condition", "differs"),
    [
        ('principal in Role::"Support"', False),  # the roles are the same
        ("context.rate.lastHour > 3", True),
        ("context.rate.lastDay > 3", False),
        ('principal has team && principal.team == "x"', False),
        ('context.person.name == "ann"', False),
        ('context.env.now > datetime("2026-01-01")', False),
    ],
)
def test_a_key_holds_what_is_read(condition: str, differs: bool) -> None:
    # the last ones: of the same person, with another use of the contract
    first, second = KEPT[-1], KEPT[-3]
    found = key(f"when {{ {condition} }}", first), key(f"when {{ {condition} }}", second)
    assert None not in found
    assert (found[0] != found[1]) is differs


def test_the_form_of_what_is_not_read_is_in_the_key() -> None:
    one = KEPT[-1]
    other = replace(one, entities=one.entities.replace(b'"vip":false', b'"vip":"no"'))
    assert other != one
    assert key("when { context.repeat > 1 }", one) != key("when { context.repeat > 1 }", other)
