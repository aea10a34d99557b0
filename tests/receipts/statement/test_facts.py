"""Facts are closed and strict, and a statement says only what was set, under the document's own names."""

from typing import Any

import pytest
from pydantic import ValidationError

from receipts.statement.action_facts import DecisionFacts
from receipts.statement.facts import ClosedModel, Digest, Ms
from receipts.statement.gateway_facts import ClockFacts, HaltFacts, KeyFacts
from receipts.statement.plan_facts import PlanStepFact


class Sample(ClosedModel):
    at_ms: Ms
    body_digest: Digest = "0" * 64


def test_only_what_was_set_is_said_in_camel_case() -> None:
    assert KeyFacts(event="linked", keyid="k", rp_id="localhost").said == {
        "event": "linked",
        "keyid": "k",
        "rpId": "localhost",
    }
    assert ClockFacts(event="clock", from_=2, to=1, by="lead", reason="x").said["from"] == 2
    # what agents know from results keeps its name
    assert (
        PlanStepFact(id="1", tool="t", state="s", wave=1, action_id="a").model_dump(by_alias=True)["action_id"] == "a"
    )


def test_more_fields_are_said_beside_the_others_and_the_first_stay_as_they_were() -> None:
    plain = DecisionFacts(called_ms=1)
    more = plain.also({"code": "expired", "answer": "a" * 64})
    assert more.said == {"calledMs": 1, "code": "expired", "answer": "a" * 64}
    assert plain.said == {"calledMs": 1}
    assert plain.also({}) is plain


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"atMs": 1, "more": 2},
        {"atMs": "1"},
        {"atMs": 1.0},
        {"atMs": True},
        {"atMs": -1},
        {"atMs": 1, "bodyDigest": "A" * 64},
        {"atMs": 1, "bodyDigest": "a" * 63},
        {"atMs": 1, "bodyDigest": "a" * 64 + "\n"},
    ],
)
def test_a_closed_model_takes_its_own_fields_of_their_own_type(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate(fields)
    assert Sample.model_validate({"atMs": 1}) == Sample.model_validate({"at_ms": 1}) == Sample(at_ms=1)


def test_facts_do_not_change_once_they_are_made() -> None:
    facts = HaltFacts(event="halted", scope="all", name="*", allow_undo=False, by="lead")
    with pytest.raises(ValidationError, match="frozen"):
        facts.by = "eve"  # type: ignore[misc]
