"""What a condition comes to when a part of a request is known: decided only where no value of the rest could matter."""

import itertools

import pytest
from cedarpy import pst
from hypothesis import given
from hypothesis import strategies as st

from policies.folding import always_applies, attribute, bound_policies, facts_of, fold, never_applies, no_approvals
from tests.policies.making import clauses as policy
from tests.policies.making import condition

KNOWN = {**facts_of("acme", "prod"), **no_approvals(["SecurityLead"])}


def truth(text: str) -> bool | None:
    return fold(condition(text), KNOWN)


@pytest.mark.parametrize(
    ("text", "comes_to"),
    [
        ('resource.tenant == "acme"', True),
        ('resource.tenant != "acme"', False),
        ('resource.environment == Environment::"staging"', False),
        ("context.approvals.SecurityLead >= 1", False),
        ("context.approvals.SecurityLead < 1", True),
        ("context.approvals.Director >= 1", None),  # a role that nobody declared
        ("resource.vip", None),
        ('resource.vip && resource.tenant == "globex"', False),
        ('resource.vip && resource.tenant == "acme"', None),
        ('resource.vip || resource.tenant == "acme"', True),
        ('!(resource.tenant == "globex")', True),
        ('if resource.vip then resource.tenant == "acme" else true', True),  # either way
        ('if resource.vip then resource.tenant == "acme" else false', None),
        ("context.rate.lastHour >= 0", True),  # a count is never below zero
        ("context.rate.lastHour < 0", False),
        ("context.rate.lastHour > -1", True),
        ("context.plan.size == -1", False),
        ("context.rate.lastHour >= 1", None),
        ('resource has owner && resource.tenant == "acme"', None),
    ],
)
def test_a_condition_is_decided_only_by_what_is_known(text: str, comes_to: bool | None) -> None:
    assert truth(text) is comes_to


ATOMS = ('resource.tenant == "acme"', 'resource.tenant == "globex"', "resource.vip", "context.repeat >= 0")
conditions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"!({t})"),
        st.tuples(inner, inner, inner).map(lambda t: f"(if {t[0]} then {t[1]} else {t[2]})"),
    ),
    max_leaves=6,
)


@given(conditions)
def test_what_is_decided_holds_for_every_value_of_the_rest(text: str) -> None:
    decided = truth(text)
    seen = {_value(text, vip) for vip in (True, False)}
    if decided is not None:
        assert seen == {decided}


def _value(text: str, vip: bool) -> bool:
    """The truth with everything known."""
    known = KNOWN | {attribute("resource", "vip"): pst.BoolLit(vip), attribute("context", "repeat"): pst.LongLit(0)}
    found = fold(condition(text), known)
    assert found is not None
    return found


def test_when_and_unless_are_told_apart() -> None:
    mine, others = 'resource.tenant == "acme"', 'resource.tenant == "globex"'
    for (when, unless), vip in itertools.product([(mine, others), (others, mine)], ["", " when { resource.vip }"]):
        made = policy(f"when {{ {when} }} unless {{ {unless} }}{vip}")
        assert never_applies(made, KNOWN) is (when == others)
        assert always_applies(made, KNOWN) is (when == mine and not vip)
    assert not never_applies(policy(""), KNOWN)
    assert always_applies(policy(""), KNOWN)


def test_what_a_connection_fixes_is_filled_in() -> None:
    text = str(
        bound_policies(
            {"policy0": policy('when { resource.tenant == "acme" && resource.vip }')}, facts_of("acme", "prod")
        )
    )
    assert "resource.tenant" not in text.replace('resource["tenant"]', "resource.tenant")
    assert "vip" in text
