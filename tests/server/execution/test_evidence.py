"""What is kept as evidence; where a secret passes, neither a body nor a value that could be the secret."""

import orjson

from contracts.action.http_request import HttpRequest
from contracts.action.mcp_request import McpRequest
from contracts.action.observation import Execution, Observation, Reading, Response
from contracts.action.python_request import PythonRequest
from contracts.hiding import Hiding
from receipts.reconciliation.comparison import same
from server.execution.evidence import (
    WITHHELD,
    attempt_of,
    kept,
    readings,
    request_evidence,
    response_evidence,
    seen,
)
from tests.policies.making import PROGRAMS

HIDING = Hiding(b"k" * 32)
SECRET = PROGRAMS["update_integration_credential"]
PLAIN = PROGRAMS["reset_user_mfa"]
INTEGRATION = {"credential_key": "key-1", "channel": "#ops", "credential_set_at": "2026-01-01", "token": "hunter2"}


def looked(value: object = INTEGRATION) -> Observation:
    raw = orjson.dumps(value)
    readings = {
        "integration": Reading("integration", 200, value, raw, 5, "req-1"),  # type: ignore[arg-type]
        "issuer": Reading("issuer", 200, {"keys": [{"id": "key-1"}]}, b"{}", 6),
    }
    return Observation(readings, 5, "separate_credential")


def execution(response: Response | None = None, **more: object) -> Execution:
    return Execution(1, 2, "answered", 10, 20, "POST", "http://x", "digest", response, **more)  # type: ignore[arg-type]


def test_the_reads_are_named_with_their_times_and_bodies() -> None:
    facts = seen(looked())
    assert (facts["integration"].status, facts["integration"].at_ms, facts["integration"].request_id) == (
        200,
        5,
        "req-1",
    )
    assert readings("after", looked()) == {
        "after/integration": orjson.dumps(INTEGRATION),
        "after/issuer": b"{}",
    }


def test_where_no_secret_passes_all_is_kept() -> None:
    observation = looked()
    assert kept(PLAIN, observation, HIDING) is observation


def test_where_a_secret_passes_no_body_is_kept_and_no_value_in_clear_but_those_that_are_no_secret() -> None:
    recorded = kept(SECRET, looked(), HIDING)
    assert {r.raw for r in recorded.readings.values()} == {WITHHELD}
    value = recorded.readings["integration"].value
    assert isinstance(value, dict)
    assert (value["credential_key"], value["channel"]) == ("key-1", "#ops")  # `not_secret` of the contract
    assert str(value["credential_set_at"]).startswith("hmac-sha256:")
    assert b"hunter2" not in orjson.dumps([r.value for r in recorded.readings.values()])
    assert recorded.hiding is HIDING


def test_what_was_kept_still_compares_with_what_is_read_later() -> None:
    recorded = kept(SECRET, looked(), HIDING)
    assert same(SECRET.probed, recorded, looked())
    assert not same(SECRET.probed, recorded, looked({**INTEGRATION, "credential_set_at": "2026-02-02"}))


def test_a_request_is_kept_as_it_was_rendered() -> None:
    http = HttpRequest("PUT", "http://x/records/r1", (("if-match", "1"),), b'{"value":"hdl_1"}')
    head = {"method": "PUT", "url": "http://x/records/r1", "headers": [["if-match", "1"]]}
    assert request_evidence(http) == {"request": orjson.dumps(head), "request/body": b'{"value":"hdl_1"}'}
    tool = request_evidence(McpRequest("git", "git_branch", "d" * 64, b"{}"))
    assert orjson.loads(tool["request"]) == {"server": "git", "tool": "git_branch", "definition": "d" * 64}
    code = request_evidence(PythonRequest("ldap", "disable", b'{"id":1}'))
    assert (orjson.loads(code["request"])["operation"], code["request/body"]) == ("disable", b'{"id":1}')


def test_an_answer_is_kept_or_why_there_is_none() -> None:
    answered = execution(Response(200, {}, {"token": "hunter2"}, b'{"token":"hunter2"}'))
    assert response_evidence(answered, secretive=False) == b'{"token":"hunter2"}'
    assert response_evidence(answered, secretive=True) == WITHHELD
    assert response_evidence(execution(fault="no answer in time"), secretive=True) == b"no answer in time"


def test_an_attempt_names_the_targets_request_only_where_no_secret_passes() -> None:
    answered = execution(Response(200, {}, None, b"", "req-9"), notes=("the button said Save",))
    fact = attempt_of(answered, secretive=False)
    assert (fact.attempt, fact.route, fact.status, fact.request_id) == (2, 1, 200, "req-9")
    assert fact.notes == ("the button said Save",)
    assert attempt_of(answered, secretive=True).request_id is None
    assert attempt_of(execution(), secretive=False).status is None
