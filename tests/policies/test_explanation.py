"""A decision in sentences: its outcome, and for agent and person apart what decided."""

from dataclasses import replace

from policies.decision import ApprovalRequired, DecisionRecord, Denied, Permitted, Unavailable
from policies.explanation import explain, outcome_of
from tests.policies.making import PERMIT, bundle, decide, facts

RECORD = DecisionRecord({"agent": ("a", "b"), "person": ()}, (), "s", "c", b"[]", b"[]")


def test_each_decision_has_one_word() -> None:
    needing = ApprovalRequired(facts(), RECORD, ((("SecurityLead", 1),),))
    words = [outcome_of(one) for one in (Permitted(facts(), RECORD), needing, Denied("no"), Unavailable("down"))]
    assert words == ["permitted", "approval_required", "denied", "denied"]


def test_agent_and_person_are_told_apart() -> None:
    assert explain(Permitted(facts(), RECORD)) == [
        "permitted", "agent: decided by `a`, `b`", "person: no policy permits it",
    ]  # fmt: skip
    assert explain(Denied("nobody", replace(RECORD, errors=("p1: no attribute",))))[-1] == "error: p1: no attribute"


def test_what_was_not_decided_by_a_policy_says_why() -> None:
    assert explain(Denied("the record could not be read")) == ["denied", "the record could not be read"]


def test_every_way_to_be_approved_is_named() -> None:
    needs = ((("Director", 1),), (("SecurityLead", 2), ("Support", 1)))
    first = explain(ApprovalRequired(facts(), RECORD, needs))[0]
    assert first == "approval required: 1 Director or 2 SecurityLead and 1 Support"


def test_a_real_decision_names_its_policy() -> None:
    assert explain(decide(bundle(PERMIT))) == [
        "permitted", "agent: decided by `permit-all`", "person: decided by `permit-all`",
    ]  # fmt: skip
