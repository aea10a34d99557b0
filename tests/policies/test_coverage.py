"""Coverage names each condition that no case made true, or none made false, as Cedar comes to it."""

from policies.case import Case, What, Who
from policies.coverage import coverage_of
from policies.decider import Decider
from tests.policies.making import PERMIT, PROGRAMS, bundle

GUARD = (
    '@id("guard") forbid (principal, action == Action::"suspend_user", resource)\n'
    'when { resource.environment == Environment::"prod" && context.repeat > 1 }\n'
    "unless { context.approvals.SecurityLead >= 1 && context.approvals.oldestSeconds <= 900 };"
)
MADE = Decider(bundle(PERMIT, GUARD), PROGRAMS)


def case(**values: object) -> Case:
    return Case.model_validate({"name": "c", "action": "suspend_user", "expect": "permitted", **values})


def seen(*cases: Case) -> dict[str, tuple[bool, bool]]:
    return {one.text: (one.seen_true, one.seen_false) for one in coverage_of(MADE, PROGRAMS, cases)}


PROD = 'resource.environment == Environment::"prod"'
REPEAT = "context.repeat > 1"
LEAD = "context.approvals.SecurityLead >= 1"
FRESH = "context.approvals.oldestSeconds <= 900"


def test_a_condition_counts_where_cedar_comes_to_it() -> None:
    assert seen(case(repeat=5, resource=What(environment="staging"))) == {
        PROD: (False, True), REPEAT: (False, False), LEAD: (False, False), FRESH: (False, False),
    }  # fmt: skip
    assert seen(case(repeat=5)) == {
        PROD: (True, False), REPEAT: (True, False), LEAD: (False, True), FRESH: (False, False),
    }  # fmt: skip
    stale = case(repeat=5, approvals={"SecurityLead": 1}, oldest_seconds=901)
    assert seen(stale) == {PROD: (True, False), REPEAT: (True, False), LEAD: (True, False), FRESH: (False, True)}


def test_cases_together_see_everything_and_what_is_left_has_a_place() -> None:
    several = [
        case(repeat=5, resource=What(environment="staging")), case(), case(repeat=5),
        case(repeat=5, approvals={"SecurityLead": 1}), case(repeat=5, approvals={"SecurityLead": 1}, oldest_seconds=901),
    ]  # fmt: skip
    assert all(one.is_whole for one in coverage_of(MADE, PROGRAMS, several))
    left = [one for one in coverage_of(MADE, PROGRAMS, several[:3]) if not one.is_whole]
    assert [(str(one.position), one.says) for one in left] == [
        ("test.cedar:4:10", f"no case makes `{LEAD}` of `guard` true"),
        ("test.cedar:4:49", f"no case makes `{FRESH}` of `guard` true or false"),
    ]


def test_agent_and_person_are_looked_at_apart() -> None:
    policy = '@id("p") permit (principal is Person, action in Action::"read", resource) when { principal.onCall };'
    made = Decider(bundle(PERMIT, policy), PROGRAMS)
    found = coverage_of(made, PROGRAMS, [case(action="get_user")])
    assert [(one.seen_true, one.seen_false) for one in found] == [(False, True)]
    found = coverage_of(made, PROGRAMS, [case(action="get_user", person=Who(on_call=True))])
    assert [(one.seen_true, one.seen_false) for one in found] == [(True, False)]


def test_who_may_approve_is_seen_too() -> None:
    policy = (
        '@id("p") permit (principal, action in Action::"approve", resource) when { context.role == Role::"Director" };'
    )
    made = Decider(bundle(PERMIT, policy), PROGRAMS)
    asked = case(approver=Who(roles=("Support",)), role="Support", expect="may_not_approve")
    (found,) = coverage_of(made, PROGRAMS, [asked])
    assert (found.seen_true, found.seen_false) == (False, True)
