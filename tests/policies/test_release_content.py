"""What a release consists of: the risk that a part is about, and what of it one tenant may see."""

import pytest

from contracts.errors import AilyusError
from policies.release_content import Facts, Noun, ReleaseContent, policy_facts, reach_of

PARTS: dict[Noun, dict[str, Facts]] = {
    "contract": {
        "lock": {"target": "okta", "risk": "medium"},
        "reset": {"target": "okta", "risk": "high"},
        "refund": {"target": "billing", "risk": "critical"},
    },
    "plan": {
        "one": {"steps": [{"contract": "lock"}]},
        "both": {"steps": [{"for_each": "x", "steps": [{"contract": "lock"}, {"contract": "refund"}]}]},
    },
    "policy": {"support": {}, "money": {}, "nobody": {}},
    "connection": {"okta": {"kind": "okta", "tenant": "acme"}, "billing": {"kind": "billing", "tenant": "globex"}},
    "person": {"ann": {"tenant": "acme"}, "bob": {"tenant": "globex"}},
    "setting": {"origin": {"value": "o"}},
}
REACH = {"support": frozenset({"lock", "reset"}), "money": frozenset({"refund"}), "gone": frozenset({"gone"})}
CONTENT = ReleaseContent(PARTS, REACH)


@pytest.mark.parametrize(
    ("noun", "name", "risk"),
    [
        ("contract", "lock", "medium"),
        ("contract", "unknown", ""),
        ("policy", "support", "high"),  # the highest of what it decides on
        ("policy", "money", "critical"),
        ("policy", "nobody", ""),
        ("policy", "gone", ""),
        ("connection", "okta", "high"),
        ("connection", "unknown", ""),
        ("person", "ann", ""),
    ],
)
def test_the_risk_of_a_part_is_the_highest_of_the_contracts_that_it_is_about(noun: Noun, name: str, risk: str) -> None:
    assert CONTENT.risk_of(noun, name) == risk


def test_a_tenant_sees_what_is_about_it_and_nothing_of_another() -> None:
    acme, globex, other = (CONTENT.of_tenant(tenant).parts for tenant in ("acme", "globex", "nobody"))
    assert {noun: set(part) for noun, part in acme.items()} == {
        "contract": {"lock", "reset"},
        "plan": {"one"},
        "policy": {"support"},
        "connection": {"okta"},
        "person": {"ann"},
        "setting": {"origin"},
    }
    assert set(globex["contract"]) == {"refund"}
    assert set(globex["plan"]) == set()  # one of its steps is another's
    assert {noun for noun, part in other.items() if part} == {"setting"}


def test_what_is_not_known_of_a_release_stays_unknown() -> None:
    """A part that no evidence tells of is no empty part: two releases are not compared by it."""
    assert set(ReleaseContent({"contract": PARTS["contract"]}).of_tenant("acme").parts) == {"contract"}


def test_policies_are_known_by_their_id() -> None:
    found = policy_facts(
        "a.cedar", '@id("one") permit (principal, action, resource); forbid (principal, action, resource);'
    )
    assert found["one"]["effect"] == "permit"
    assert [facts["effect"] for name, facts in found.items() if name != "one"] == ["forbid"]
    with pytest.raises(AilyusError) as fault:
        policy_facts("a.cedar", "permit (")
    assert (fault.value.code, fault.value.field) == ("bad_policy", "a.cedar")


def test_the_reach_of_a_policy_is_every_contract_that_it_decides_on() -> None:
    assert reach_of({"lock": ["a", "b"], "reset": ["a"]}) == {"a": {"lock", "reset"}, "b": {"lock"}}
