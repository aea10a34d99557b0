"""What Cedar is told of a resource: what was read whole, or nothing."""

from typing import Any

import pytest

from contracts.action.observation import Observation, Reading
from policies.decision import ResourceFacts, Unavailable
from policies.resource_facts import establish_facts
from tests.contracts.making import READ, WRITE, program
from tests.contracts.targets import target
from tests.policies.making import request

COUNTED = {"count": {"type": "Long", "value": "${size(before.record.events)}", "authority": "target"}}
RECORD = {"id": "r1", "value": "old", "events": [{"name": "a"}]}


def seen(whole: bool) -> Observation:
    return Observation({"record": Reading("record", 200, RECORD, b"", 1, whole=whole)}, 1, "separate_credential")


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": {**WRITE["resource"], "attributes": COUNTED}},
        {"resource": {**WRITE["resource"], "label": "${before.record.events[0].name}"}},
        {"request": {"verified": "!before.record.events.exists(e, e.name == 'b')", "requester_is_subject": "false"}},
        {"says": "Set a record with ${size(before.record.events)} events"},
        {"widens": "size(before.record.events) > 0"},
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_nothing_is_decided_on_half_a_list(changes: dict[str, Any], whole: bool) -> None:
    facts = establish_facts(program(**changes), request(record="r1", value="new"), target(), seen(whole))
    if whole:
        assert isinstance(facts, ResourceFacts)
    else:
        assert isinstance(facts, Unavailable)
        assert facts.reason == "`before.record.events` was not read whole, so nothing can be decided on it"


def test_what_half_a_list_shows_is_there() -> None:
    asked = {"verified": "before.record.events.exists(e, e.name == 'a')", "requester_is_subject": "false"}
    facts = establish_facts(program(request=asked), request(record="r1", value="new"), target(), seen(False))
    assert isinstance(facts, ResourceFacts)
    assert facts.asked == {"verified": True, "requesterIsSubject": False}


@pytest.mark.parametrize("declared", [True, False])
def test_a_read_of_pages_gives_back_all_of_them_or_nothing(declared: bool) -> None:
    pages = {"pages": {"link": "next", "items": "events"}} if declared else {}
    read = program(
        READ, observe={"record": {**READ["observe"]["record"], **pages}}, outputs={"all": "${before.record.events}"}
    )
    facts = establish_facts(read, request(record="r1"), target(), seen(False))
    assert isinstance(facts, Unavailable if declared else ResourceFacts)


def test_what_is_no_list_can_be_decided_on() -> None:
    facts = establish_facts(program(), request(record="r1", value="new"), target(), seen(False))
    assert isinstance(facts, ResourceFacts)


def test_why_a_list_is_not_whole_is_told() -> None:
    cut = Reading("record", 200, RECORD, b"", 1, whole=False, why_cut="page 2 was answered 404")
    before = Observation({"record": cut}, 1, "separate_credential")
    made = program(says="Set a record with ${size(before.record.events)} events")
    facts = establish_facts(made, request(record="r1", value="new"), target(), before)
    assert isinstance(facts, Unavailable)
    assert facts.reason.endswith("nothing can be decided on it: page 2 was answered 404")
