"""What could be tighter is said of what was asked, and never of anything that a smaller number would widen."""

import pytest

from policies.policy_position import Position
from policies.suggestion import PolicyUsage, suggestions_of
from tests.policies.making import bundle

PLAN = ("plan", "size")
HELD = ("Support", "SecurityLead")


def usage(**highest: int) -> PolicyUsage:
    found = {("unlock_user", ("plan", "size")): highest.get("size", 3), ("unlock_user", ("repeat",)): 0}
    return PolicyUsage({"used"}, {"unlock_user": 5}, found)


def found(*policies: str, seen: PolicyUsage | None = None) -> list[tuple[str, str, str]]:
    made = bundle(*policies)
    return [(one.kind, one.policy, one.source) for one in suggestions_of(made, seen or usage(), HELD)]


def permit(name: str, role: str, conditions: str = "") -> str:
    return f'@id("{name}") permit (principal in Role::"{role}", action == Action::"unlock_user", resource){conditions};'


def limit(effect: str, word: str, condition: str) -> str:
    return f'@id("used") {effect} (principal, action == Action::"unlock_user", resource) {word} {{ {condition} }};'


def test_grants_that_nobody_used_or_holds_go() -> None:
    policies = (permit("used", "Support"), permit("idle", "Support"), permit("empty", "Director"))
    assert found(*policies) == [("unused", "idle", ""), ("unheld", "empty", "")]
    # nothing was decided at all: that says nothing of a grant
    assert found(*policies, seen=PolicyUsage()) == [("unheld", "empty", "")]


def test_who_may_approve_is_left_alone() -> None:
    policy = '@id("idle") permit (principal in Role::"SecurityLead", action in Action::"approve", resource);'
    assert found(policy) == []


@pytest.mark.parametrize(
    ("effect", "word", "condition", "limit_then"),
    [
        ("forbid", "when", "context.plan.size > 20", "5"),
        ("forbid", "when", "context.plan.size >= 20", "6"),
        ("forbid", "unless", "context.plan.size <= 20", "5"),
        ("permit", "when", "context.plan.size < 20", "6"),
        ("permit", "unless", "context.plan.size > 20", "5"),
    ],
)
def test_limits_that_were_never_near_come_closer(effect: str, word: str, condition: str, limit_then: str) -> None:
    policy = limit(effect, word, condition)
    assert found(policy) == [("range", "used", policy.replace("20", limit_then))]


@pytest.mark.parametrize(
    ("effect", "word", "condition"),
    [
        ("forbid", "when", "context.plan.size < 20"),
        ("forbid", "unless", "context.plan.size > 20"),
        ("permit", "when", "context.plan.size >= 20"),
        ("permit", "unless", "context.plan.size <= 20"),
        ("forbid", "when", "context.plan.size > 5"),  # no more than what was seen, rounded
        ("forbid", "when", "context.plan.size > 20 || context.repeat > 9"),
        ("forbid", "when", "!(context.plan.size > 20)"),
        ("forbid", "when", "context.rate.lastHour > 20"),  # nobody counted it
        ("forbid", "unless", "context.approvals.SecurityLead >= 2"),
    ],
)
def test_what_would_be_wider_or_is_unknown_is_not_suggested(effect: str, word: str, condition: str) -> None:
    assert found(limit(effect, word, condition)) == []


def test_a_suggestion_has_a_place_and_says_why() -> None:
    (one,) = suggestions_of(bundle(limit("forbid", "when", "context.repeat > 8 && context.plan.size > 20")), usage(size=20), HELD)  # fmt: skip
    assert one.position == Position("test.cedar", 1, 99)
    assert one.says == "`repeat` was 0 at most: 1 would do in place of 8"
