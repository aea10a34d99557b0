"""The need of approvals: where a policy's comparison turns, which vectors there are, and the smallest that are asked for."""

import pytest

from contracts.errors import AilyusError
from policies.approval_requirement import count_approvals, literals, minimal, vectors_of
from tests.policies.making import condition as expression


@pytest.mark.parametrize(
    ("condition", "turns", "uses"),
    [
        ("context.approvals.Lead >= 2", [("Lead", 2)], 1),
        ("context.approvals.Lead > 2", [("Lead", 3)], 1),
        ("context.approvals.Lead < 1 || context.approvals.Boss >= 1", [("Boss", 1), ("Lead", 1)], 2),
        ("context.approvals.oldestSeconds <= 60", [("oldestSeconds", 61)], 1),
        ("context.approvals.Stranger >= 1", [], 1),  # a role that is not declared
        ("context.approvals.Lead >= context.repeat", [], 1),  # no number to compare with
        ("context has approvals", [], 1),
        ("context == context", [], 1),
        ("context.repeat > 1", [], 0),
    ],
)
def test_where_a_count_of_approvals_turns(condition: str, turns: list[tuple[str, int]], uses: int) -> None:
    made = expression(condition)
    assert sorted(literals(made, frozenset({"Lead", "Boss"}))) == turns
    assert count_approvals(made) == uses


def test_vectors_come_in_the_order_of_their_sums_and_are_bounded() -> None:
    assert vectors_of("a", {}) == ((),)
    found = vectors_of("a", {"Lead": 1, "Boss": 2})
    assert [sum(n for _, n in v) for v in found] == [0, 1, 1, 2, 2, 3]
    assert len(vectors_of("a", {"A": 10, "B": 10})) == 121
    for needs in ({"A": 11}, {"A": -1}, {"A": 10, "B": 10, "C": 2}):
        with pytest.raises(AilyusError) as fault:
            vectors_of("a", needs)
        assert fault.value.code == "bad_policy"


def test_only_the_smallest_vectors_are_asked_for() -> None:
    found = minimal([(("Boss", 0), ("Lead", 1)), (("Boss", 1), ("Lead", 0)), (("Boss", 1), ("Lead", 1))])
    assert found == ((("Lead", 1),), (("Boss", 1),))
