"""How a send ended: only what the contract calls ok is an answer, and what is not plainly a no is in doubt."""

from typing import Any

import pytest

from adapters.delivery import DeliveryReport, delivery_of
from contracts.action.observation import Response
from contracts.compiler.route_program import BrowserProgram
from tests.adapters.orders import order
from tests.contracts.making import program
from tests.contracts.targets import target

HTTP: dict[str, Any] = {
    "http": {"put": "/records/${inputs.record}"},
    "ok": "response.status == 200",
    "declined": "response.body.code == 'closed'",
    "no_effect": "response.body.code == 'busy'",
}
MCP: dict[str, Any] = {"mcp": {"tool": "set", "definition": "c" * 64}}
BOTH = ["before", "after"]


def delivered(status: int, body: Any = None, route: dict[str, Any] | None = None, direct: bool = True) -> str:
    made = program(execute=[route or HTTP], evidence={"http": BOTH, "mcp": BOTH})
    at, compiled = target(direct=direct), made.routes[0]
    assert not isinstance(compiled, BrowserProgram)
    return delivery_of(made, compiled, at, order(made, at), Response(status, {}, body, b""))


@pytest.mark.parametrize(
    ("status", "delivery"),
    [(200, "answered"), (201, "in_doubt"), (302, "in_doubt"), (400, "rejected"), (404, "rejected"), (412, "rejected"), (401, "refused"), (403, "refused"), (408, "in_doubt"), (409, "in_doubt"), (425, "in_doubt"), (429, "in_doubt"), (500, "in_doubt"), (503, "in_doubt")],
)  # fmt: skip
def test_what_a_status_means(status: int, delivery: str) -> None:
    assert delivered(status, {}) == delivery


def test_the_contract_says_what_an_answer_means_before_its_status_does() -> None:
    assert delivered(403, {"code": "closed"}) == "declined"
    assert delivered(500, {"code": "closed"}) == "declined"
    assert delivered(503, {"code": "busy"}) == "no_effect"
    assert delivered(200, {"code": "closed"}) == "answered"


def test_only_the_application_itself_proves_that_nothing_happened() -> None:
    proven: dict[str, Any] = {**HTTP, "no_effect": "response.status == 503"}
    assert delivered(503, {"code": "x"}, proven) == "no_effect"
    # a proxy on the way can write a status, and an empty body is nobody's word
    assert delivered(503, {"code": "x"}, proven, direct=False) == "in_doubt"
    for body in ({}, None, "busy", ["busy"]):
        assert delivered(503, body, proven) == "in_doubt"


def test_a_failed_condition_is_no_answer_of_the_request_that_had_it() -> None:
    conditional = {**HTTP, "http": {**HTTP["http"], "if_match": "${inputs.value}"}}
    assert delivered(412, {}, conditional) == "in_doubt"


def test_an_old_version_is_told_by_the_application_itself_before_anything_else_is_made_of_the_answer() -> None:
    versioned = {"put": "/records/${inputs.record}", "if_match": "${inputs.record == '' ? before.record.version : '1'}"}
    old = {**HTTP, "http": versioned, "stale": "response.body.code == '5010'", "declined": "response.status == 400"}
    assert delivered(400, {"code": "5010"}, old) == "no_effect"
    assert delivered(400, {"code": "5010"}, old, direct=False) == "declined"
    assert delivered(400, {"code": "1"}, old) == "declined"


def test_a_tool_that_answers_with_an_error_says_no() -> None:
    assert delivered(200, {"is_error": False}, MCP) == "answered"
    assert delivered(200, {"is_error": True}, MCP) == "rejected"
    assert delivered(200, {"data": None}, MCP) == "in_doubt"


def test_an_ending_tells_the_order_that_it_is_of() -> None:
    made, at = program(execute=[HTTP]), target()
    dispatch, clock = order(made, at), iter((20, 30))
    report = DeliveryReport(dispatch, "http", 10, lambda: next(clock))
    unsent = report.unsent("halted")
    assert (unsent.delivery, unsent.fault, unsent.started_ms, unsent.ended_ms) == ("not_sent", "halted", 10, 20)
    assert (unsent.route, unsent.attempt, unsent.via, unsent.idempotency_key) == (0, 2, "http", None)
    keyed = report.of("answered", keyed=True, identity="robot")
    assert (keyed.idempotency_key, keyed.keyed, keyed.identity, keyed.ended_ms) == ("key-1", True, "robot", 30)
    assert (keyed.method, keyed.url, keyed.request_digest) == ("PUT", dispatch.rendered.url, dispatch.rendered.digest)
