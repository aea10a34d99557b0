"""Three outcomes, the need computed from the rules themselves, agent and person both, and the early decision."""

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contracts.action.dispatch import ReadPermit
from contracts.action.request import Caller
from contracts.action.target import Target
from contracts.errors import AilyusError
from policies.decider import Decider
from policies.decision import ApprovalRequired, Denied, Permitted
from tests.policies.making import CALLER, PERMIT, PROGRAMS, bundle, decide, facts, request

LEAD = '@id("lead") forbid (principal, action in Action::"risk_at_least_high", resource) unless { context.approvals.SecurityLead >= 1 };'
EITHER = (
    '@id("either") forbid (principal, action in Action::"risk_at_least_high", resource) '
    "unless { context.approvals.SecurityLead >= 2 || context.approvals.Director >= 1 };"
)
OKTA = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")


def test_permitted_denied_and_what_is_needed() -> None:
    assert isinstance(decide(bundle(PERMIT)), Permitted)
    assert isinstance(decide(bundle()), Denied)
    required = decide(bundle(PERMIT, EITHER))
    assert isinstance(required, ApprovalRequired)
    assert set(required.needs) == {(("Director", 1),), (("SecurityLead", 2),)}


def test_agent_and_person_must_both_be_permitted() -> None:
    made = bundle('@id("p") permit (principal in Role::"Support", action, resource);')
    for roles in ((frozenset({"Support"}), frozenset[str]()), (frozenset[str](), frozenset({"Support"}))):
        assert isinstance(decide(made, caller=Caller("bot", "acme", "ann", "ann", *roles)), Denied)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.integers(0, 2))
def test_what_is_asked_for_is_what_permits(lead: int, director: int, a: int, b: int) -> None:
    """Whatever the rules: an asked vector permits, and no smaller one does."""
    guard = (
        f'@id("g") forbid (principal, action in Action::"write", resource) unless {{ context.approvals.SecurityLead >= {lead} '
        f"&& (context.approvals.Director >= {director} || context.approvals.SecurityLead > {a}) && context.approvals.Director != {b + 3} }};"
    )
    assume(lead or director)  # else the guard asks nobody, and is refused
    made = bundle(PERMIT, guard)
    decision = decide(made)
    permits = {
        (x, y)
        for x, y in itertools.product(range(6), range(6))
        if isinstance(decide(made, approvals={"SecurityLead": x, "Director": y}), Permitted)
    }
    if isinstance(decision, Permitted):
        assert (0, 0) in permits
    if isinstance(decision, ApprovalRequired):
        for need in decision.needs:
            counts = dict(need)
            x, y = counts.get("SecurityLead", 0), counts.get("Director", 0)
            assert (x, y) in permits
            assert not any((p, q) != (x, y) and p <= x and q <= y for p, q in permits)


def test_early_denial_touches_nothing_and_never_permits() -> None:
    decider = Decider(bundle('@id("p") permit (principal in Role::"Director", action, resource);'), PROGRAMS)
    assert isinstance(decider.may_observe(request(), CALLER, OKTA), Denied)
    assert isinstance(decider.may_observe(request(), CALLER, None), Denied)
    wall = '@id("w") forbid (principal, action, resource) unless { principal.tenant == resource.tenant };'
    decider = Decider(bundle(PERMIT, wall), PROGRAMS)
    other = Target("okta", "okta", "http://127.0.0.1:1", "globex", "prod", "none", "none", "p")
    assert isinstance(decider.may_observe(request(), CALLER, other), Denied)
    assert isinstance(decider.may_observe(request(), CALLER, OKTA), ReadPermit)
    vip = '@id("v") forbid (principal, action, resource is OktaUser) when { resource.vip };'
    decider = Decider(bundle(PERMIT, vip), PROGRAMS)
    assert isinstance(decider.may_observe(request(), CALLER, OKTA), ReadPermit)


def test_deciding_ids_are_the_written_ones() -> None:
    decision = decide(bundle(PERMIT, LEAD))
    assert decision.record is not None
    assert decision.record.policies == {"agent": ("lead",), "person": ("lead",)}
    permitted = decide(bundle(PERMIT, LEAD), approvals={"SecurityLead": 1})
    assert isinstance(permitted, Permitted)
    assert permitted.record.policies == {"agent": ("permit-all",), "person": ("permit-all",)}


def test_a_slice_changes_only_with_its_own_policies() -> None:
    one = bundle(PERMIT, LEAD).slices
    two = bundle(
        PERMIT,
        LEAD,
        '@id("x") forbid (principal, action == Action::"get_ticket", resource) when { resource.tenant == "x" };',
    ).slices
    assert one["reset_user_mfa"].digest == two["reset_user_mfa"].digest
    assert one["get_ticket"].digest != two["get_ticket"].digest


def test_an_approval_by_cedar() -> None:
    rule = '@id("a") permit (principal in Role::"SecurityLead", action in Action::"approve", resource) when { context.role == Role::"SecurityLead" };'
    decider = Decider(bundle(PERMIT.replace("action,", 'action in Action::"write",'), rule), PROGRAMS)
    from policies.decision import DecisionContext

    lead = Caller("", "acme", "lead", "lead", frozenset(), frozenset({"SecurityLead"}))
    support = Caller("", "acme", "sam", "sam", frozenset(), frozenset({"Support"}))
    for who, role, may in ((lead, "SecurityLead", True), (lead, "Support", False), (support, "SecurityLead", False)):
        permits = decider.may_approve(request(), CALLER, facts(), DecisionContext(1), who, role)
        assert permits == (frozenset({"a"}) if may else None)


@pytest.mark.parametrize(
    "policy",
    [
        'permit (principal in Role::"Suport", action, resource);',
        'permit (principal, action == Action::"reset_mfa", resource);',
        'permit (principal, action in Action::"risk_high", resource);',
        "permit (principal, action, resource) when { resource.viip };",
        'permit (principal, action, resource) when { resource.environment == Environment::"prdo" };',
        "permit (principal, action, resource) when { context.approvals.SecurityLeed >= 1 };",
        "permit (principal, action, resource) when { resource.tenant == 7 };",
        'permit (principal, action, resource) when { context.param.user_id == "x" };',
        "permit (principal, action, resource",
        "permit (principal == ?principal, action, resource);",
    ],
)
def test_a_typo_is_an_error(policy: str) -> None:
    with pytest.raises(AilyusError) as caught:
        bundle(f'@id("typo") {policy}')
    assert caught.value.code == "bad_policy"
    assert (caught.value.field or "").startswith("test.cedar:")
