"""The policies about releases: what they ask for, and that nothing in them becomes a permit by mistake."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.release_policy import ReleasePolicies, ReleaseRequest
from tests.world import ROOT

ROLES = ("Support", "SecurityLead", "Owner")
REQUEST = ReleaseRequest("lead", "acme", frozenset({"SecurityLead"}), "acme.test", "high", widens=True)


def policies(*bodies: str) -> ReleasePolicies:
    heads = (f'@id("p{n}") forbid (principal, action, resource) {body};' for n, body in enumerate(bodies))
    return ReleasePolicies.of("\n".join(heads), ROLES)


def test_without_policies_one_person_releases() -> None:
    assert ReleasePolicies.of("", ROLES).decide(REQUEST).permitted


def test_the_smallest_approvals_are_asked_for() -> None:
    two = policies("unless { context.approvals.SecurityLead >= 2 || context.approvals.Owner >= 1 }")
    decision = two.decide(REQUEST)
    assert (decision.permitted, decision.policies) == (False, ("p0",))
    assert set(decision.needs) == {(("Owner", 1),), (("SecurityLead", 2),)}
    assert not two.decide(REQUEST, {"SecurityLead": 1}).permitted
    assert two.decide(REQUEST, {"SecurityLead": 2}).permitted
    assert two.decide(REQUEST, {"Owner": 1}).permitted
    # a role that is not declared is none
    assert not two.decide(REQUEST, {"Root": 9}).permitted


def test_both_policies_must_be_met() -> None:
    both = policies(
        'when { context.parts.contains("person") } unless { context.approvals.Owner >= 1 }',
        "when { context.widens } unless { context.approvals.SecurityLead >= 1 }",
    )
    asked = replace(REQUEST, parts=frozenset({"person"}))
    assert both.decide(asked).needs == ((("Owner", 1), ("SecurityLead", 1)),)
    assert both.decide(asked).says == "`p0`, `p1` asks for approvals: 1 Owner, 1 SecurityLead"
    assert both.decide(REQUEST).needs == ((("SecurityLead", 1),),)
    assert both.decide(replace(REQUEST, widens=False)).permitted


def test_an_age_counts() -> None:
    aged = policies("unless { context.approvals.Owner >= 1 && context.approvals.oldestSeconds <= 60 }")
    assert aged.decide(REQUEST, {"Owner": 1}, 60).permitted
    assert not aged.decide(REQUEST, {"Owner": 1}, 61).permitted


def test_a_policy_that_errs_permits_nothing() -> None:
    errs = policies(
        "when { context.risk + 9223372036854775807 > 0 } unless { context.approvals.Owner >= 1 }",
    )
    decision = errs.decide(REQUEST)
    assert (decision.permitted, decision.needs) == (False, ())
    assert errs.decide(replace(REQUEST, risk="")).needs == ((("Owner", 1),),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('@id("a") permit (principal, action, resource) when { context.approvals.Owner >= 1 };', "permits a release"),
        ('@id("a") forbid (principal, action, resource);', "whoever approves them"),
        (
            '@id("a") forbid (principal, action, resource) unless { context.approvals.oldestSeconds <= 9 };',
            "asks nobody",
        ),
        ('@id("a") forbid (principal, action, resource) unless { context.approvals.Owner >= 0 };', "asks nobody"),
        ('@id("a") forbid (principal, action, resource) unless { context.approvals.Ownr >= 1 };', "Ownr"),
        ('@id("a") forbid (principal, action == Action::"unlock", resource);', "unlock"),
        ("forbid (principal, action, resource);", "no plain `@id`"),
    ],
)
def test_what_would_not_decide_as_it_is_meant_is_refused(text: str, why: str) -> None:
    with pytest.raises(AilyusError, match=why) as raised:
        ReleasePolicies.of(text, ROLES)
    assert str(raised.value.field).startswith("release.cedar:1:")


def test_the_digest_is_of_what_they_say() -> None:
    one, same = policies("unless { context.approvals.Owner >= 1 }"), policies("unless{context.approvals.Owner>=1}")
    assert one.digest == same.digest
    assert one.digest != policies("unless { context.approvals.Owner >= 2 }").digest


def test_the_bundled_ones_load() -> None:
    text = Path(ROOT / "policies" / "library" / "release.cedar").read_text()
    assert ReleasePolicies.of(text, ROLES).decide(REQUEST).needs == ((("SecurityLead", 1),),)
