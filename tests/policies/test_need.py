"""Needs of approvals: the vectors that are tried, and the smallest of those that would permit."""

import pytest

from contracts.errors import AilyusError
from policies.approval_requirement import ApprovalRequirement, minimal, vectors_of


def test_every_vector_up_to_the_counts_is_tried_the_smaller_ones_first() -> None:
    sums = [sum(n for _, n in vector) for vector in vectors_of("act", {"Lead": 2, "Owner": 1})]
    assert sums == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("needs", [{"Lead": 11}, {"Lead": -1}, {"A": 10, "B": 10, "C": 10}])
def test_more_ways_than_a_decision_may_try_are_refused(needs: dict[str, int]) -> None:
    with pytest.raises(AilyusError) as caught:
        vectors_of("act", needs)
    assert caught.value.code == "bad_policy"


@pytest.mark.parametrize(
    ("permitted", "asked"),
    [
        ([], ()),
        ([(("Lead", 1),), (("Lead", 2),)], ((("Lead", 1),),)),
        ([(("Lead", 1),), (("Owner", 1),), (("Lead", 1), ("Owner", 1))], ((("Lead", 1),), (("Owner", 1),))),
        ([(("Lead", 0), ("Owner", 2))], ((("Owner", 2),),)),
    ],
)
def test_only_the_smallest_needs_are_asked_for(
    permitted: list[ApprovalRequirement], asked: tuple[ApprovalRequirement, ...]
) -> None:
    assert minimal(permitted) == asked
