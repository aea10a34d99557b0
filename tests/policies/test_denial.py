"""Why it was denied, for people: the forbid that decided, or the permit and the role that are missing."""

from dataclasses import replace

from policies.decision import Denied
from policies.denial import permits
from tests.policies.making import CALLER, PERMIT, bundle, decide

LEAD = '@id("leads") permit (principal in Role::"SecurityLead", action, resource);'
FORBID = '@id("never") forbid (principal is Agent, action, resource);'
STAGING = '@id("staging") permit (principal, action, resource) when { resource.environment == Environment::"staging" };'


def why(*policies: str, **more: object) -> str:
    decision = decide(bundle(*policies), **more)
    assert isinstance(decision, Denied)
    return decision.reason


def test_a_forbid_that_decided_is_named_for_whom_it_forbids() -> None:
    assert why(PERMIT, FORBID) == "`never` forbids it to the agent `bot`"


def test_the_role_that_a_permit_asks_for_is_named() -> None:
    assert why(LEAD) == (
        "the agent `bot` holds Support, and `leads` permits `reset_user_mfa` to SecurityLead only; "
        "the person `ann` holds Support, and `leads` permits `reset_user_mfa` to SecurityLead only"
    )
    bare = replace(CALLER, roles=frozenset(), person_roles=frozenset({"SecurityLead"}))
    assert why(LEAD, caller=bare) == (
        "the agent `bot` holds no role, and `leads` permits `reset_user_mfa` to SecurityLead only"
    )


def test_a_permit_that_does_not_apply_here_is_named() -> None:
    assert why(STAGING) == (
        "no permit of `reset_user_mfa` applies to the agent `bot` here (`staging`); "
        "no permit of `reset_user_mfa` applies to the person `ann` here (`staging`)"
    )


def test_where_nothing_permits_nobody_is_permitted() -> None:
    assert why(FORBID.replace("is Agent", "is Person")).startswith("no policy permits `reset_user_mfa` to anybody")


def test_the_policies_of_a_permit_are_all_permits() -> None:
    sliced = bundle(PERMIT, FORBID).slices["reset_user_mfa"]
    assert permits(sliced, ["permit-all"])
    assert not permits(sliced, [])
    assert not permits(sliced, ["permit-all", "never"])
