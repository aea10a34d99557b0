"""A test that would pass under an empty folder is refused; one that a mistake could fail is not."""

import pytest

from policies.case import Case
from policies.decider import Decider
from policies.testing import run_tests
from tests.policies.making import PROGRAMS, bundle

SUPPORT = '@id("may") permit (principal in Role::"Support", action == Action::"get_user", resource);'
WALL = '@id("wall") forbid (principal, action, resource) when { context.env.changeFreeze };'


def failures(policies: list[str], **values: object) -> list[str]:
    case = Case.model_validate({"name": "c", "action": "get_user", "expect": "denied", **values})
    made = Decider(bundle(*policies), PROGRAMS)
    return [one.failure for one in run_tests(made, PROGRAMS, [case]) if one.failure]


@pytest.mark.parametrize(
    ("policies", "values", "says"),
    [
        ([WALL], {}, "no policy permits `get_user`"),
        ([SUPPORT], {"action": "unlock_user", "expect": "not_permitted"}, "no policy permits `unlock_user`"),
        ([SUPPORT], {"expect": "may_not_approve", "approver": {}, "role": "Director"}, "permits `approve:get_user`"),
        ([SUPPORT], {"action": {"every": "tag_access_grant"}}, "it proves nothing"),
    ],
)
def test_a_refusal_that_nothing_could_change_proves_nothing(
    policies: list[str], values: dict[str, object], says: str
) -> None:
    (failure,) = failures(policies, **values)
    assert says in failure


@pytest.mark.parametrize(
    ("policies", "values"),
    [
        ([SUPPORT], {}),  # a wider permit would make it fail
        ([WALL], {"change_freeze": True}),  # the wall decided
        ([SUPPORT], {"action": {"every": "read"}}),  # one contract of the group is permitted to somebody
    ],
)
def test_a_refusal_that_a_mistake_would_change_is_a_test(policies: list[str], values: dict[str, object]) -> None:
    assert failures(policies, **values) == []


def test_a_release_that_no_policy_is_about_proves_nothing() -> None:
    case = Case.model_validate({"name": "c", "release": {"risk": "high"}, "expect": "permitted"})
    (result,) = run_tests(Decider(bundle(SUPPORT), PROGRAMS), PROGRAMS, [case])
    assert "no policies about releases" in result.failure
