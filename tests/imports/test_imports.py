"""The short form of `python -m tests.imports`, and that no value leaves its place in a path."""

from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.compiler.expressions import Fault, Names
from contracts.compiler.template import Template
from tests.imports.curl_lines import lines
from tests.imports.operations import operations

SEGMENTS = (
    "${inputs.a}:cancel",
    "${inputs.a}...${inputs.b}",
    "${inputs.a}.${inputs.b}",
    "u('${inputs.a}')",
    "x-${inputs.a}_${inputs.b}:y",
    "${inputs.a}",
    "(a=${inputs.a},b=${inputs.b})",
)
NAMES = Names.of({"inputs.a": "string", "inputs.b": "string"})


def test_operations_send_what_a_reference_client_sends() -> None:
    tally = operations(150)
    assert not tally.differences, tally.differences[0]
    assert tally.compared > 30
    assert tally.todo > 10


def test_curl_lines_send_what_the_rules_of_curl_say() -> None:
    tally = lines(80, real=False)
    assert not tally.differences, tally.differences[0]
    assert tally.compared > 30


def readings(text: str, template: str) -> list[tuple[str, ...]]:
    """Every way in which a server can take this segment apart."""
    first, hole, rest = template.partition("\0")
    if not hole:
        return [()] if text == first else []
    if not text.startswith(first):
        return []
    inner = text[len(first) :]
    return [(inner[:end], *more) for end in range(1, len(inner) + 1) for more in readings(inner[end:], rest)]


@pytest.mark.parametrize("segment", SEGMENTS)
@settings(max_examples=300, deadline=None)
@given(a=st.text("ab.:-_'(),=/%é ~", min_size=1, max_size=6), b=st.text("ab.:-_'(),=/%é ~", min_size=1, max_size=6))
def test_no_value_leaves_its_place(segment: str, a: str, b: str) -> None:
    path = Template.compile(f"/x/{segment}/y", NAMES).path({"inputs.a": a, "inputs.b": b})
    if isinstance(path, Fault):
        return
    parts = path.split("/")
    assert (parts[:2], parts[3:]) == (["", "x"], ["y"])
    shape = segment.replace("${inputs.a}", "\0").replace("${inputs.b}", "\0")
    values = (a, b)[: shape.count("\0")]
    assert readings(unquote(parts[2]), shape) == [values]
