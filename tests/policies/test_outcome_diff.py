"""What a change of policies means is found: the outcomes that differ, with whom they differ, the riskiest first."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import pytest

from policies.boundary_values import boundary_values, combinations
from policies.outcome import ActionOutcome
from policies.outcome_diff import outcome_changes
from policies.testing import run_tests
from tests.policies.making import PROGRAMS, clauses
from tests.policies.small_world import BASE, OKTA, SUSPEND, Decided, by_brute_force, decided, found, mutants, release

EDITS: Mapping[str, tuple[str, str, bool]] = {
    "a comment": ('@id("may")', '// as before\n@id("may")', False),
    "the guard goes": ("forbid (principal, " + SUSPEND, "forbid (principal, " + SUSPEND.replace("suspend", "unlock"), True),
    "the guard asks for two": ("SecurityLead >= 1", "SecurityLead >= 2", True),
    "older approvals count": ("<= 900", "<= 1800", True),
    "leads may write": ('action in Action::"read"', "action", True),
    "the limit is off by one": (">= 10", "> 10", True),
    "another role may": ('permit (principal in Role::"Support"', 'permit (principal in Role::"SecurityLead"', True),
    "no age counts any more": (" && context.approvals.oldestSeconds <= 900", "", True),
    "the freeze is turned": ("when { context.env.changeFreeze }", "unless { context.env.changeFreeze }", True),
}  # fmt: skip


BEFORE = release(BASE)


@pytest.fixture(scope="module")
def was() -> Decided:
    """What is decided before any edit."""
    return decided(BEFORE)


@pytest.mark.parametrize("name", EDITS)
def test_every_outcome_that_an_edit_changes_is_found_and_no_other(name: str, was: Decided) -> None:
    old, new, differs = EDITS[name]
    after = release(BASE.replace(old, new, 1))
    said = found(BEFORE, after)
    # by brute force: other situations, made without a case
    assert said == by_brute_force(was, decided(after))
    assert bool(said) is differs


def test_every_twenty_fifth_mistake_in_the_small_world_is_told_as_it_is_decided(was: Decided) -> None:
    # all of them: `python -m tests.policies.differential --mistakes`
    some = list(islice(mutants(), 0, None, 25))
    assert len(some) == 2
    for says, after in some:
        assert found(BEFORE, after) == by_brute_force(was, decided(after)), says


def test_whom_only_the_former_policy_names_is_looked_at() -> None:
    text = (
        '@id("all") permit (principal, action, resource); @id("no") forbid (principal in Role::"%s", action, resource);'
    )
    before, after = (release(text % role) for role in ("Support", "SecurityLead"))
    changes = [one for one in outcome_changes(before, after).changes if one.action == "unlock_user"]
    assert {(one.who, one.widens) for one in changes} == {("Support", True), ("SecurityLead", False)}


def test_a_search_that_ends_early_says_that_it_is_not_whole() -> None:
    after = release(
        BASE.replace("forbid (principal, " + SUSPEND, "forbid (principal, " + SUSPEND.replace("suspend", "unlock"), 1)
    )
    assert outcome_changes(BEFORE, after).is_whole
    looks = iter((False, True))
    early = outcome_changes(BEFORE, after, is_over=lambda: next(looks))
    assert not early.is_whole
    assert 0 < early.situations < outcome_changes(BEFORE, after).situations
    none = outcome_changes(BEFORE, after, is_over=lambda: True)
    assert (none.changes, none.situations, none.is_whole) == ((), 0, False)


def test_a_lower_risk_is_found_though_no_policy_has_changed() -> None:
    text = BASE.replace(SUSPEND, 'action in Action::"risk_at_least_high"')
    (change,) = outcome_changes(release(text), release(text, risk="medium")).changes
    assert (change.widens, change.who, change.action) == (True, "Support", "suspend_user")
    assert (change.before.says, change.after.says) == ("asks 1 SecurityLead", "permitted")


def test_another_environment_of_a_connection_is_found_though_no_policy_has_changed() -> None:
    changes = outcome_changes(BEFORE, release(BASE, target=replace(OKTA, environment="staging"))).changes
    assert {(one.action, one.place.says, one.after.says) for one in changes} == {
        ("suspend_user", "prod → staging", "permitted")
    }


def test_what_is_found_is_a_test_case_that_fails_before_and_passes_after() -> None:
    after = release(BASE.replace(">= 10", ">= 20"))
    change = next(c for c in outcome_changes(BEFORE, after).changes if c.action == "unlock_user")
    case = change.case.model_copy(update={"expect": "permitted"})
    assert [bool(run_tests(side.decider, side.catalog.programs, [case])[0].failure) for side in (BEFORE, after)] == [
        True,
        False,
    ]


def test_wider_comes_first_and_fewer_approvals_are_wider() -> None:
    one, two = ActionOutcome(False, ((("SecurityLead", 1),),)), ActionOutcome(False, ((("SecurityLead", 2),),))
    other = ActionOutcome(False, ((("Director", 1),), (("SecurityLead", 1),)))
    assert (one.is_wider(two), two.is_wider(one)) == (True, False)
    # another role that may approve alone lets more through
    assert (other.is_wider(one), one.is_wider(other)) == (True, False)
    assert ActionOutcome(True).is_wider(one)
    assert not ActionOutcome(False).is_wider(one)
    changes = outcome_changes(BEFORE, release(BASE.replace("when { context.env.c", "unless { context.env.c"))).changes
    assert [one.widens for one in changes] == sorted((one.widens for one in changes), reverse=True)


def test_the_values_at_which_a_policy_turns_are_looked_at() -> None:
    policy = clauses('when { resource.vip && context.rate.lastHour > 3 && context.env.now > datetime("2026-01-01") }')
    values = boundary_values([policy], PROGRAMS["suspend_user"])
    assert values["resource", "attributes", "vip"] == [False, True]
    assert values["rate", "last_hour"] == [2, 3, 4]
    assert "2026-01-01T00:00:00+00:00" in values["now",]
    some, whole = combinations({("a",): [1, 2], ("b",): [3]}, 10)
    assert (len(some), whole) == (6, True)
    some, whole = combinations({(str(n),): [1, 2] for n in range(9)}, 50)
    assert (len(some) <= 51, whole) == (True, False)


DENY = '@id("rule") forbid (principal, action == Action::"unlock_user", resource) %s;'
VARIED = (
    ('when { context.person has team && context.person.team == "desk" }', "desk", "night"),
    ("unless { context.person has region && context.person.region == resource.tenant }", "resource.tenant", '"eu"'),
    ("when { context.person.onCall }", ".onCall", '.subject == "a"'),
    ("when { context.env.incident }", "context.env.incident", "context.env.changeFreeze"),
    ("when { context.env.weekday > 5 }", "> 5", "> 6"),
    ('when { context.env.localTime < duration("9h30m") }', "9h30m", "10h"),
)


@pytest.mark.parametrize(("clause", "old", "new"), VARIED)
def test_people_clocks_and_incidents_are_varied(clause: str, old: str, new: str) -> None:
    sides = [release(BASE + DENY % text) for text in (clause, clause.replace(old, new))]
    assert any("unlock_user" in one for one in found(*sides)), clause
    assert found(sides[0], sides[0]) == set()


def test_the_same_hours_by_other_clocks_differ() -> None:
    hours = release(BASE + DENY % 'when { context.env.localTime < duration("9h") }')
    changes = outcome_changes(hours, replace(hours, time_zone="Pacific/Honolulu")).changes
    assert {one.action for one in changes} == {"unlock_user"}
    assert all(one.case.now for one in changes)


def test_a_budget_is_varied() -> None:
    budget = "budgets:\n  - {name: unlocks, action: unlock_user, window: 1h}\n"
    sides = [
        release(BASE + DENY % f"when {{ context.budget.unlocks > {limit} }}", budgets=budget) for limit in (20, 30)
    ]
    changes = outcome_changes(*sides).changes
    assert {(one.action, one.widens) for one in changes} == {("unlock_user", True)}
    assert {one.case.budget["unlocks"] for one in changes} <= set(range(21, 31))


def test_who_may_approve_is_varied_by_what_is_known_of_people() -> None:
    approve = (
        '@id("approve") permit (principal in Role::"SecurityLead", action in Action::"approve", resource) when { %s };'
    )
    clauses_ = ("principal has team && context.requester has team && principal.team != context.requester.team", "true")
    changes = outcome_changes(*(release(BASE + approve % one) for one in clauses_)).changes
    assert {(one.action, one.widens) for one in changes} >= {("approve:unlock_user", True)}
