"""The outcome of an action in words, and when another one lets more through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.outcome import ActionOutcome, Place

PERMITTED, DENIED = ActionOutcome(True), ActionOutcome(False)
NEEDS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["Lead", "Owner"]), st.integers(1, 3)),
        min_size=1,
        max_size=2,
        unique_by=lambda n: n[0],
    ).map(lambda need: tuple(sorted(need))),
    min_size=1,
    max_size=2,
    unique=True,
).map(tuple)
OUTCOMES = st.one_of(st.just(PERMITTED), st.just(DENIED), NEEDS.map(lambda needs: ActionOutcome(False, needs)))


def asks(*needs: tuple[tuple[str, int], ...]) -> ActionOutcome:
    return ActionOutcome(False, needs)


@given(OUTCOMES)
def test_nothing_is_wider_than_itself_than_permitted_or_narrower_than_denied(one: ActionOutcome) -> None:
    assert not one.is_wider(one)
    assert not one.is_wider(PERMITTED)
    assert not DENIED.is_wider(one)
    assert PERMITTED.is_wider(one) is (one != PERMITTED)
    assert one.is_wider(DENIED) is (one != DENIED)


@pytest.mark.parametrize(
    ("after", "before", "wider"),
    [
        (asks((("Lead", 1),)), asks((("Lead", 2),)), True),
        (asks((("Lead", 2),)), asks((("Lead", 1),)), False),
        (asks((("Owner", 1),)), asks((("Lead", 1),)), True),
        (asks((("Lead", 1), ("Owner", 1))), asks((("Lead", 1),)), False),
        (asks((("Lead", 1),), (("Owner", 1),)), asks((("Lead", 1),)), True),
        (asks((("Lead", 1),)), asks((("Lead", 1),), (("Owner", 1),)), False),
    ],
)
def test_fewer_or_other_approvals_let_more_through(after: ActionOutcome, before: ActionOutcome, wider: bool) -> None:
    assert after.is_wider(before) is wider


def test_outcomes_and_places_in_words() -> None:
    assert (PERMITTED.says, DENIED.says) == ("permitted", "denied")
    assert asks((("Lead", 2), ("Owner", 1)), (("Chief", 1),)).says == "asks 2 Lead and 1 Owner or 1 Chief"
    assert Place("okta", "acme", "prod", "prod").says == "prod"
    assert Place("okta", "acme", "staging", "prod").says == "staging → prod"
