"""What differs between two releases: its risk, and whether it lets more through."""

from typing import Any

import pytest

from policies.release_content import Noun, ReleaseContent, policy_facts, reach_of
from policies.release_diff import Widening, release_changes

CONTRACT = {"risk": "high", "target": "okta", "title": "Reset", "execute": [1], "expect": ["a"]}
CONNECTION = {"kind": "okta", "base_url": "https://a", "per_minute": 10, "max_in_flight": 0, "max_timeout_ms": 500}
PERSON = {"tenant": "acme", "subject": "ann", "roles": ["Support", "Lead"]}
PERMIT = "permit (principal, action, resource);"
FORBID = "forbid (principal, action, resource);"


def policy(text: str) -> Any:
    return policy_facts("a.cedar", f'@id("p") {text}')["p"]


@pytest.mark.parametrize(
    ("noun", "before", "after", "widens"),
    [
        ("contract", None, CONTRACT, "yes"),
        ("contract", CONTRACT, None, "no"),
        ("contract", CONTRACT, {**CONTRACT, "title": "Reset now", "version": 2}, "no"),
        ("contract", CONTRACT, {**CONTRACT, "execute": [2]}, "maybe"),
        ("contract", CONTRACT, {**CONTRACT, "expect": []}, "maybe"),
        ("plan", None, {"steps": []}, "maybe"),
        ("plan", {"steps": []}, None, "no"),
        ("flow", {"flow": "f", "steps": []}, {"flow": "f", "steps": [1]}, "maybe"),
        ("system", {"system": "okta"}, {"system": "okta", "observe": 1}, "maybe"),
        ("policy", None, policy(PERMIT), "yes"),
        ("policy", policy(PERMIT), None, "no"),
        ("policy", None, policy(FORBID), "no"),
        ("policy", policy(FORBID), None, "yes"),
        ("policy", policy(FORBID), policy(PERMIT), "yes"),
        ("policy", policy(FORBID), policy(FORBID.replace(";", " when { context.x };")), "maybe"),
        ("policy", policy(FORBID), policy('@note("x") ' + FORBID), "no"),
        ("tests", {"digest": "a"}, {"digest": "b"}, "no"),
        ("connection", None, CONNECTION, "yes"),
        ("connection", CONNECTION, None, "no"),
        ("connection", CONNECTION, {**CONNECTION, "base_url": "https://b"}, "maybe"),
        ("connection", CONNECTION, {**CONNECTION, "per_minute": 9, "max_timeout_ms": 400}, "no"),
        ("connection", CONNECTION, {**CONNECTION, "per_minute": 11}, "maybe"),
        ("connection", CONNECTION, {**CONNECTION, "per_minute": 0}, "maybe"),
        ("connection", CONNECTION, {**CONNECTION, "max_in_flight": 3}, "no"),
        ("connection", {**CONNECTION, "max_in_flight": 3}, CONNECTION, "maybe"),
        ("person", None, PERSON, "yes"),
        ("person", PERSON, None, "no"),
        ("person", PERSON, {**PERSON, "roles": ["Support", "Lead", "Admin"]}, "yes"),
        ("person", PERSON, {**PERSON, "roles": ["Support"]}, "maybe"),
        ("person", PERSON, {**PERSON, "subject": "eve"}, "maybe"),
    ],
)  # fmt: skip
def test_each_change_says_whether_it_lets_more_through(noun: Noun, before: Any, after: Any, widens: Widening) -> None:
    sides = [ReleaseContent({noun: {} if side is None else {"x": side}}) for side in (before, after)]
    (change,) = release_changes(*sides)
    assert (change.noun, change.name, change.widens) == (noun, "x", widens)
    assert change.event == ("added" if before is None else "removed" if after is None else "changed")
    assert ("lets more through" in change.says) is (widens == "yes")
    assert ("may let more through" in change.says) is (widens == "maybe")


@pytest.mark.parametrize(
    ("name", "before", "after", "widens"),
    [
        ("change_freeze", True, False, "yes"),
        ("change_freeze", False, True, "no"),
        ("releasers", ["Lead"], ["Lead", "Support"], "yes"),
        ("releasers", ["Lead", "Support"], ["Lead"], "no"),
        ("roles", ["Lead"], ["Lead", "Support"], "no"),
        ("environments", ["prod"], ["prod", "test"], "maybe"),
    ],
)
def test_a_setting_is_judged_by_its_name(name: str, before: Any, after: Any, widens: Widening) -> None:
    sides = [ReleaseContent({"setting": {name: {"value": value}}}) for value in (before, after)]
    assert [change.widens for change in release_changes(*sides)] == [widens]


def test_the_risk_is_the_highest_of_what_a_change_is_about_before_or_after() -> None:
    low = {**CONTRACT, "risk": "low"}
    before = ReleaseContent(
        {"contract": {"a": CONTRACT, "b": low}, "policy": {"p": policy(PERMIT)}, "connection": {"okta": CONNECTION}},
        reach_of({"a": ["p"]}),
    )
    after = ReleaseContent(
        {
            "contract": {"a": low, "b": low},
            "policy": {"p": policy(FORBID), "q": policy(FORBID)},
            "connection": {"okta": {**CONNECTION, "base_url": "https://b"}},
        },
        reach_of({"b": ["p"]}),
    )
    risks = {(change.noun, change.name): change.risk for change in release_changes(before, after)}
    assert risks == {
        ("contract", "a"): "high",
        ("policy", "p"): "high",
        ("policy", "q"): "",
        ("connection", "okta"): "high",
    }
    assert release_changes(after, after) == ()


def test_what_is_not_known_of_one_of_them_is_not_compared() -> None:
    assert (
        release_changes(ReleaseContent({"contract": {}}), ReleaseContent({"contract": {}, "person": {"x": PERSON}}))
        == ()
    )


def test_a_sentence_names_what_changed() -> None:
    sides = [
        ReleaseContent({"person": {"ann": person}})
        for person in (PERSON, {**PERSON, "roles": ["Lead", "Admin"], "subject": "a" * 200})
    ]
    (change,) = release_changes(*sides)
    assert change.says == "changed person ann, lets more through: roles +Admin -Support, subject"
    (change,) = release_changes(*(ReleaseContent({"connection": {"x": {"per_minute": n}}}) for n in (0, 7)))
    assert change.says == "changed connection x: per_minute 0 → 7"


def test_a_tenant_sees_its_own_and_what_is_about_its_contracts() -> None:
    """Where it is not known whose a contract is, nobody sees it."""
    mine, theirs = {**CONNECTION, "tenant": "acme"}, {**CONNECTION, "tenant": "globex", "kind": "slack"}
    parts: dict[Noun, Any] = {
        "contract": {"a": CONTRACT, "b": {**CONTRACT, "target": "slack"}},
        "plan": {"p": {"steps": [{"contract": "a"}]}, "q": {"steps": [{"steps": [{"contract": "b"}]}]}},
        "system": {"okta": {"system": "okta"}, "slack": {"system": "slack"}},
        "flow": {"f": {"target": "okta"}, "g": {"target": "slack"}},
        "policy": {"both": policy(PERMIT), "hers": policy(PERMIT)},
        "tests": {"x.test.yaml": {"digest": "a"}},
        "connection": {"okta": mine, "slack": theirs},
        "person": {"ann": PERSON, "eve": {**PERSON, "tenant": "globex"}},
        "setting": {"roles": {"value": []}},
    }
    whole = ReleaseContent(parts, reach_of({"a": ["both"], "b": ["both", "hers"]}))
    seen = {noun: sorted(part) for noun, part in whole.of_tenant("acme").parts.items()}
    assert seen == {
        "contract": ["a"],
        "plan": ["p"],
        "system": ["okta"],
        "flow": ["f"],
        "policy": ["both"],
        "connection": ["okta"],
        "person": ["ann"],
        "setting": ["roles"],
    }
    del parts["connection"]
    assert all(not part for noun, part in whole.of_tenant("acme").parts.items() if noun not in ("person", "setting"))
