"""Bodies: every template is filled where it stands, what is left out leaves its key out, and literal text stays."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.compiler.body import MAX_ARGUMENTS, Body
from contracts.compiler.expressions import Fault
from contracts.compiler.text_compiler import TextCompiler
from tests.contracts.making import NAMES

SCOPE = {"inputs.id": "a", "inputs.count": 3, "inputs.tags": ["x", "y"], "before.record": {"on": True, "none": None}}


def body(tree: object) -> Body:
    return TextCompiler({}).body("here", tree, NAMES)  # type: ignore[arg-type]  # JSON of this test


def test_a_whole_value_keeps_its_type_and_mixed_text_is_a_text() -> None:
    tree = {
        "n": "${inputs.count}",
        "list": ["${inputs.tags}", {"on": "${before.record.on}"}],
        "mixed": "${inputs.id}-${inputs.count}",
        "plain": "as it is",
        "fixed": [1, None, False],
    }
    assert body(tree).filled(SCOPE, frozenset()) == {
        "n": 3,
        "list": [["x", "y"], {"on": True}],
        "mixed": "a-3",
        "plain": "as it is",
        "fixed": [1, None, False],
    }


def test_an_optional_input_that_is_left_out_is_absent_and_not_null() -> None:
    made = body({"id": "${inputs.id}", "deep": {"count": "${inputs.count}", "kept": "${before.record.none}"}})
    absent = frozenset({"${inputs.count}"})
    assert made.filled(SCOPE, absent) == {"id": "a", "deep": {"kept": None}}


NOTHING = "${before.record.nothing}"


@pytest.mark.parametrize("tree", [{"a": NOTHING}, [[NOTHING]], {"a": [{"b": f"{NOTHING}x"}]}, {"a": {"b": NOTHING}}])
def test_a_template_without_a_value_is_the_fault_of_the_body(tree: object) -> None:
    assert isinstance(body(tree).filled(SCOPE, frozenset()), Fault)
    assert isinstance(body(tree).call(SCOPE, frozenset()), Fault)


def test_the_arguments_of_a_call_have_the_same_bytes_in_any_order() -> None:
    one, other = {"b": "${inputs.id}", "a": {"d": 1, "c": 2}}, {"a": {"c": 2, "d": 1}, "b": "${inputs.id}"}
    assert body(one).call(SCOPE, frozenset()) == body(other).call(SCOPE, frozenset()) == b'{"a":{"c":2,"d":1},"b":"a"}'


def test_the_arguments_of_a_call_are_bounded() -> None:
    made = body({"id": "${inputs.id}"})
    room = MAX_ARGUMENTS - len(b'{"id":""}')
    assert isinstance(made.call({"inputs.id": "x" * room}, frozenset()), bytes)
    found = made.call({"inputs.id": "x" * (room + 1)}, frozenset())
    assert found == Fault("the arguments are larger than 1 MiB")


def test_what_a_read_leaves_out_are_whole_inputs_that_are_not_in_scope() -> None:
    made = body({"a": "${inputs.id}", "b": "${inputs.count}", "c": "x ${inputs.count}", "d": "${before.record.on}"})
    assert made.left_out({"inputs.id": "a"}) == {"${inputs.count}"}
    assert made.left_out(SCOPE) == frozenset()


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc {}", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(TREES)
@settings(max_examples=40)
def test_a_body_without_templates_is_sent_as_it_is_written(tree: object) -> None:
    made = body({"tree": tree})
    sent = made.call({}, frozenset())
    assert isinstance(sent, bytes)
    assert orjson.loads(sent) == {"tree": tree}
