"""Events of OCSF: each kind of statement is one that the published schema allows, and says what the statement says."""

from typing import Any

import jsonschema_rs
import orjson
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from receipts.export.ocsf import PROFILES, VERSION, event_of
from receipts.log.signing import Envelope
from tests.receipts.export.records import FACTS, record_of


@pytest.fixture(scope="module")
def validators() -> dict[int, Any]:
    """The schema of each class that we write, made of the framework's own by a third party."""
    known = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=VERSION))
    names = {uid: known.lookup_class_name_from_uid(uid) for uid in (6003, 3004)}
    return {
        uid: jsonschema_rs.validator_for(known.get_class_schema(name, list(PROFILES))) for uid, name in names.items()
    }


@pytest.mark.parametrize("name", FACTS)
def test_every_kind_of_statement_is_an_event_that_the_schema_allows(name: str, validators: dict[int, Any]) -> None:
    record = record_of(name)
    event: Any = orjson.loads(orjson.dumps(event_of(record, "1.0")))
    assert [one.message for one in validators[event["class_uid"]].iter_errors(event)] == []
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["metadata"]["sequence"] == 12
    assert event["metadata"]["tenant_uid"] == "acme"
    assert Envelope.decode(event["raw_data"].encode()) == record.envelope
    # people and records leave by their pseudonyms alone
    assert b"maria" not in orjson.dumps(event).lower()


def test_an_unknown_key_is_none_that_the_schema_allows(validators: dict[int, Any]) -> None:
    event = {**event_of(record_of("outcome"), "1.0"), "leaf": 1}
    assert not validators[6003].is_valid(event)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("outcome", "confirmed", ("Update", 1, "Allowed", 1)),
        ("outcome", "unknown", ("Update", 0, "Allowed", 4)),
        ("outcome", "diverged", ("Update", 2, "Allowed", 4)),
        ("decision_early", "denied", ("decision", 2, "Denied", 3)),
        ("decision_asked", "approval_required", ("decision", 99, "Other", 1)),
    ],
)
def test_how_it_ended_is_told_in_the_words_of_the_framework(name: str, status: str, said: tuple[object, ...]) -> None:
    event = event_of(record_of(name, status), "1.0")
    assert (event["activity_name"], event["status_id"], event["action"], event["severity_id"]) == said
    assert event["status"] == status


def test_who_and_what_it_was_stands_where_a_rule_looks_for_it() -> None:
    event: Any = event_of(record_of("intent"), "1.0")
    assert event["actor"]["app_name"] == "bot"
    assert (event["api"]["operation"], event["api"]["service"]["name"]) == ("reset", "okta")
    assert event["resources"][0]["type"] == "User"
    assert [one["policy"]["uid"] for one in event["authorizations"]] == [
        "support-may-reset",
        "prod-high-needs-lead",
        "support-may-reset",
    ]
    assert event["enrichments"][0]["data"]["after"] == 9


@pytest.mark.parametrize(
    ("name", "activity"),
    [("agent", 1), ("agent_revoked", 11), ("key_linked", 6), ("halt", 12), ("release", 10), ("escalation", 99)],
)
def test_what_is_about_the_gateway_is_the_management_of_an_entity(name: str, activity: int) -> None:
    event = event_of(record_of(name), "1.0")
    assert (event["class_uid"], event["activity_id"]) == (3004, activity)
