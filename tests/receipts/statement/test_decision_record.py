"""The record of a decision stands in a statement as digests, and beside it as the documents that they are of."""

from contracts.canonical import sha256
from policies.decision import DecisionRecord
from receipts.statement.decision_record import decision_evidence, decision_facts

A, B = "a" * 64, "b" * 64
RECORD = DecisionRecord({"agent": ("p1", "p2"), "person": ()}, ("one error",), A, B, b"[1]", b"[2]", "cedarpy 4.12")


def test_the_digests_are_those_of_the_documents() -> None:
    facts, evidence = decision_facts(RECORD), decision_evidence(RECORD)
    assert facts is not None
    assert evidence == {"cedar/entities": b"[1]", "cedar/requests": b"[2]"}
    assert (facts.entities, facts.requests) == (sha256(b"[1]"), sha256(b"[2]"))
    said = facts.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert said == {
        "policies": {"agent": ["p1", "p2"], "person": []}, "errors": 1, "slice": A, "schema": B,
        "entities": sha256(b"[1]"), "requests": sha256(b"[2]"), "engine": "cedarpy 4.12",
    }  # fmt: skip


def test_an_early_decision_says_that_the_resource_was_not_known() -> None:
    early = decision_facts(DecisionRecord(RECORD.policies, (), A, B, b"[]", b"[]", partial=True))
    assert early is not None
    assert early.model_dump(exclude_unset=True)["partial"] is True
    whole = decision_facts(RECORD)
    assert whole is not None
    assert "partial" not in whole.model_dump(exclude_unset=True)


def test_where_nothing_was_decided_nothing_is_said() -> None:
    assert decision_facts(None) is None
    assert decision_evidence(None) == {}
