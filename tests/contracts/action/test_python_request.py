"""Calls of adapters in Python: where they go, what they hold, and the digest that an intent names."""

from typing import Any

import pytest

from contracts.action.python_request import PythonRequest, render_python
from contracts.compiler.expressions import Fault
from contracts.compiler.read_program import PythonRead
from contracts.compiler.route_program import PythonProgram
from tests.contracts.making import EXPECT, READ, program

ARGUMENTS = {"tag": "${inputs.tag}", "id": "${inputs.record}"}
INPUTS = {**READ["inputs"], "tag": {"type": "string", "description": "D.", "optional": True}}
MADE = program(
    inputs=INPUTS,
    expect=EXPECT,
    execute=[{"python": {"operation": "set", "arguments": ARGUMENTS}, "ok": "response.body.ok"}],
    evidence={"python": ["before", "after"]},
    observe={"record": {"python": {"operation": "get", "arguments": ARGUMENTS}}},
)


def test_a_call_is_rendered_with_sorted_arguments() -> None:
    route = MADE.routes[0]
    assert isinstance(route, PythonProgram)
    call = render_python(route, "iam", {"inputs.record": "r1", "inputs.tag": "new"}, handles=(("sec_1", "a.b"),))
    assert isinstance(call, PythonRequest)
    assert (call.method, call.url, call.body) == ("write", "python:iam/set", b'{"id":"r1","tag":"new"}')
    assert (call.arguments, call.handles) == ({"id": "r1", "tag": "new"}, (("sec_1", "a.b"),))
    left = render_python(route, "iam", {"inputs.record": "r1"}, frozenset({"${inputs.tag}"}))
    assert isinstance(left, PythonRequest)
    assert left.arguments == {"id": "r1"}


def test_a_route_does_not_guess_what_was_left_out_and_a_read_does() -> None:
    route, read = MADE.routes[0], MADE.reads[0]
    assert isinstance(route, PythonProgram)
    assert isinstance(read, PythonRead)
    assert isinstance(render_python(route, "iam", {"inputs.record": "r1"}), Fault)
    call = render_python(read, "iam", {"inputs.record": "r1"})
    assert isinstance(call, PythonRequest)
    assert (call.url, call.arguments) == ("python:iam/get", {"id": "r1"})
    assert isinstance(render_python(read, "iam", {"inputs.record": 2**70}), Fault)


@pytest.mark.parametrize("change", [{"connection": "other"}, {"operation": "other"}, {"body": b'{"id":"r2"}'}])
def test_another_place_or_argument_is_another_digest(change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"connection": "iam", "operation": "set", "body": b'{"id":"r1"}'}
    assert PythonRequest(**fields).digest != PythonRequest(**{**fields, **change}).digest
    # a handle stands in the body already; the digest is over what is sent
    assert PythonRequest(**fields, handles=(("sec_1", "a.b"),)).digest == PythonRequest(**fields).digest
