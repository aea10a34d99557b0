"""What an order sends, by each kind of route, and where a read looks."""

from typing import Any

import pytest

from contracts.action.http_request import HttpRequest
from contracts.action.mcp_request import McpRequest
from contracts.action.python_request import PythonRequest
from contracts.action.rendered_request import Rendered, place_read, render
from contracts.compiler.compile import compile_contract
from contracts.compiler.expressions import Fault
from contracts.compiler.flow_program import FlowRequest
from contracts.compiler.read_program import AnyRead
from tests.contracts.making import LOOK, WRITE, contract, flow, program
from tests.contracts.targets import UI, target

SCOPE = {"inputs.record": "r1", "inputs.value": "new"}
ID = {"id": "${inputs.record}"}
MCP = {"tool": "set", "definition": "c" * 64, "arguments": ID}
WAYS: dict[str, tuple[dict[str, Any], type[Rendered], str]] = {
    "http": (WRITE["execute"][0], HttpRequest, "https://api.example/v1/records/r1"),
    "browser": ({"browser": {"flow": "press"}}, FlowRequest, "https://pages.example/base/records/r1"),
    "mcp": ({"mcp": MCP}, McpRequest, "mcp:main/set"),
    "python": ({"python": {"operation": "set", "arguments": ID}, "ok": "response.body.ok"}, PythonRequest, "python:main/set"),
}  # fmt: skip
READS: dict[str, dict[str, Any]] = {
    "get": {"get": "/records/${inputs.record}"},
    "post": {"post": "/search", "json": ID},
    "browser": {"browser": "look"},
    "mcp": {"mcp": MCP},
    "python": {"python": {"operation": "get", "arguments": ID}},
}


def read(way: str) -> AnyRead:
    return program(observe={"record": READS[way]}).reads[0]


@pytest.mark.parametrize("way", WAYS)
def test_each_route_is_rendered_to_its_own_request(way: str) -> None:
    route, kind, url = WAYS[way]
    made = program(execute=[route], evidence={way: ["before", "after"]}).routes[0]
    handles = (("sec_1", "set_value.key"),)
    sent = render(made, target(ui=UI), SCOPE, frozenset(), handles)
    assert isinstance(sent, kind)
    assert (sent.url, sent.handles, len(sent.digest)) == (url, handles, 64)
    assert isinstance(render(made, target(ui=UI), {}, frozenset(), ()), Fault)


def test_a_connection_without_an_account_has_no_pages() -> None:
    made = program(execute=[{"browser": {"flow": "press"}}], evidence={"browser": ["before", "after"]}).routes[0]
    found = render(made, target(), SCOPE, frozenset(), ())
    assert found == Fault("the connection `main` has no account for the browser")
    assert place_read(read("browser"), target(), SCOPE) is None


@pytest.mark.parametrize("way", READS)
def test_two_reads_of_one_place_are_known_as_such(way: str) -> None:
    here = target(ui=UI)
    one = place_read(read(way), here, SCOPE)
    assert one is not None
    assert one == place_read(read(way), here, {**SCOPE, "inputs.value": "other"})
    assert one != place_read(read(way), here, {**SCOPE, "inputs.record": "r2"})


@pytest.mark.parametrize("way", ["get", "browser"])
def test_a_read_that_cannot_be_built_looks_nowhere(way: str) -> None:
    assert place_read(read(way), target(ui=UI), {}) is None
    assert place_read(read(way), target(ui=UI), {"inputs.record": ".."}) is None


def test_two_reads_of_one_first_page_may_look_at_two_records() -> None:
    steps = [{"goto": "/records"}, *LOOK["steps"][1:]]
    known = {"look": flow(LOOK, steps=steps)}
    one = compile_contract(contract(observe={"record": {"browser": "look"}}), None, known).reads[0]
    places = {place_read(one, target(ui=UI), {"inputs.record": record}) for record in ("r1", "r2")}
    assert len(places) == 2


def test_no_two_ways_look_at_one_place() -> None:
    assert len({place_read(read(way), target(ui=UI), SCOPE) for way in READS}) == len(READS)
