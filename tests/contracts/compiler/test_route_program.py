"""Compiled routes: how approvals and receipts name each of them."""

import pytest

from contracts.compiler.flow_program import FlowProgram
from contracts.compiler.route_program import BrowserProgram
from tests.contracts.making import LOOK, WRITE, flow, program

PIN = "0123456789ab" + "c" * 52
HTTP = WRITE["execute"][0]


@pytest.mark.parametrize(
    ("route", "said", "place"),
    [
        (HTTP, "http:PUT", "/records/${inputs.record}"),
        ({"browser": {"flow": "press"}}, "browser:press", "POST /records/${inputs.record}"),
        ({"mcp": {"tool": "create_branch", "definition": PIN}}, "mcp:create_branch", "as defined by 0123456789ab"),
        ({"python": {"operation": "add"}, "ok": "response.body.ok"}, "python:add", "by the connection's adapter"),
    ],
)
def test_a_route_says_what_it_is_and_where_it_goes(route: dict[str, object], said: str, place: str) -> None:
    ways = {way: ["before", "after"] for way in ("http", "browser", "mcp", "python")}
    first, second = program(execute=[HTTP, route], evidence=ways).routes
    assert (first.index, second.index) == (0, 1)
    assert (second.said, second.place) == (said, place)


def test_a_flow_that_only_reads_goes_nowhere() -> None:
    assert BrowserProgram(0, FlowProgram(flow(LOOK), "d", {}), 1000).place == ""
