"""Calls of tools: the pin of a tool, the bytes of its arguments, and the digest that an intent names."""

from typing import Any

import pytest

from contracts.action.mcp_request import McpRequest, definition_of, render_mcp
from contracts.compiler.expressions import Fault
from contracts.compiler.read_program import McpRead
from contracts.compiler.route_program import McpProgram
from tests.contracts.making import EXPECT, READ, program

CALL: dict[str, Any] = {
    "tool": "set",
    "definition": "c" * 64,
    "arguments": {"tag": "${inputs.tag}", "id": "${inputs.record}"},
}
INPUTS = {**READ["inputs"], "tag": {"type": "string", "description": "D.", "optional": True}}
MADE = program(
    inputs=INPUTS,
    expect=EXPECT,
    execute=[{"mcp": CALL}],
    evidence={"mcp": ["before", "after"]},
    observe={"record": {"mcp": {**CALL, "tool": "get"}}},
)
SCOPE = {"inputs.record": "r1", "inputs.tag": "new"}


def sent(scope: dict[str, object], absent: frozenset[str] = frozenset()) -> McpRequest | Fault:
    route = MADE.routes[0]
    assert isinstance(route, McpProgram)
    return render_mcp(route, "people", scope, absent, (("sec_1", "set_value.key"),))


def test_whatever_could_mislead_is_pinned() -> None:
    tool = {"name": "a", "description": "b", "inputSchema": {"type": "object"}}
    pins = {definition_of(tool)}
    for key, value in (
        ("name", "c"),
        ("title", "c"),
        ("description", "b "),
        ("inputSchema", {"type": "object", "required": ["x"]}),
        ("outputSchema", {"type": "object"}),
        ("annotations", {"readOnlyHint": True}),
    ):
        pins.add(definition_of({**tool, key: value}))
    assert len(pins) == 7
    assert definition_of({**tool, "_meta": {"x": 1}, "icons": []}) == definition_of(tool)


def test_the_order_of_a_definitions_keys_and_its_nulls_mean_nothing() -> None:
    tool = {"name": "a", "inputSchema": {"type": "object", "required": ["x"]}}
    turned = {"title": None, "inputSchema": {"required": ["x"], "type": "object"}, "name": "a"}
    assert definition_of(tool) == definition_of(turned)


def test_a_call_is_rendered_with_sorted_arguments() -> None:
    call = sent(SCOPE)
    assert isinstance(call, McpRequest)
    assert (call.method, call.url) == ("tools/call", "mcp:people/set")
    assert call.body == b'{"id":"r1","tag":"new"}'
    assert call.arguments == {"id": "r1", "tag": "new"}
    assert call.handles == (("sec_1", "set_value.key"),)


def test_what_was_left_out_is_no_argument() -> None:
    call = sent({"inputs.record": "r1"}, frozenset({"${inputs.tag}"}))
    assert isinstance(call, McpRequest)
    assert call.arguments == {"id": "r1"}
    assert isinstance(sent({"inputs.record": "r1"}), Fault)


def test_a_read_leaves_out_what_is_not_in_scope() -> None:
    read = MADE.reads[0]
    assert isinstance(read, McpRead)
    call = render_mcp(read, "people", {"inputs.record": "r1"})
    assert isinstance(call, McpRequest)
    assert (call.url, call.arguments) == ("mcp:people/get", {"id": "r1"})


@pytest.mark.parametrize(
    "change", [{"server": "other"}, {"tool": "other"}, {"definition": "d" * 64}, {"body": b'{"id":"r2"}'}]
)
def test_another_server_tool_definition_or_argument_is_another_digest(change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"server": "people", "tool": "set", "definition": "c" * 64, "body": b'{"id":"r1"}'}
    assert McpRequest(**fields).digest == McpRequest(**fields).digest != McpRequest(**{**fields, **change}).digest
