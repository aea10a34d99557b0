"""Policies whose scope no action fits: Cedar 4.13 only warns of them, and its binding drops the warning."""

import cedarpy
import pytest

from contracts.errors import AilyusError
from policies.unsatisfiable import is_impossible
from tests.policies.making import PERMIT, PROGRAMS, bundle

UNFIT = {
    "a guard for another resource type": 'forbid (principal, action == Action::"reset_user_mfa", resource is Ticket);',
    "a guard for one record of another type": (
        'forbid (principal, action == Action::"reset_user_mfa", resource == Ticket::"t-1");'
    ),
    "a guard for what is in a record of another type": (
        'forbid (principal, action == Action::"reset_user_mfa", resource in Ticket::"t-1");'
    ),
    "a guard for resources that are principals": "forbid (principal, action, resource is Agent);",
    "a permit to approve for an agent": 'permit (principal is Agent, action in Action::"approve", resource);',
    "a role as the principal": 'permit (principal == Role::"Support", action, resource);',
}
FIT = {
    "every action": "forbid (principal, action, resource);",
    "one type of several": "forbid (principal, action, resource is Ticket);",
    "a role of people": 'permit (principal is Person in Role::"Support", action in Action::"approve", resource);',
    "a role of either": 'permit (principal in Role::"Support", action, resource);',
    "a group without a member": 'forbid (principal, action in Action::"tag_not_used_yet", resource is Ticket);',
}


def _is_impossible(policy: str) -> bool:
    (node,) = cedarpy.policies_to_pst(policy).static_policies.values()
    return is_impossible(node, PROGRAMS)


@pytest.mark.parametrize("name", UNFIT)
def test_a_scope_that_no_action_fits_is_found_by_us(name: str) -> None:
    assert _is_impossible(UNFIT[name])
    with pytest.raises(AilyusError) as caught:
        bundle(PERMIT, f'@id("wrong") {UNFIT[name]}')
    assert caught.value.code == "bad_policy"


@pytest.mark.parametrize("name", FIT)
def test_a_scope_that_an_action_fits_is_left(name: str) -> None:
    assert not _is_impossible(FIT[name])
