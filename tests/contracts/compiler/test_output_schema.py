"""The schema of outputs says what their expressions tell of them, and holds for whatever a target gives."""

from typing import Any

import jsonschema
import pytest

from contracts.compiler.output_schema import output_schemas
from receipts.reconciliation.outputs import outputs_of
from tests.contracts.making import EXPECT, READ, WRITE, program

VALUES = (None, True, 3, 2.5, "x", [], [{"a": None}], {}, {"a": {"b": [1]}})
"""What a target may give where a text was expected."""


def schema(output: Any, **changes: Any) -> Any:
    return output_schemas(program(READ, outputs={"x": output}, **changes))["x"]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("${size(before.record.list)}", {"type": "integer"}),
        ("${before.record.a == 'b'}", {"type": "boolean"}),
        ("${string(before.record.a)}", {"type": "string"}),
        ("${before.record.a} of ${inputs.record}", {"type": "string"}),
        ("${before.record.a}", {}),
        ("${before.record.a == null ? 1 : before.record.a}", {}),
        ("${before.record.list.filter(l, l.a == 'b')}", {"type": "array"}),
        ("${{'a': before.record.a, 'b': {'c': '{'}}}", {"type": "object", "properties": {"a": {}, "b": {}}}),
        (
            "${before.record.list.map(l, {'a': l.a, 'b': l.b.map(b, {'c': b})})}",
            {"type": "array", "items": {"type": "object", "properties": {"a": {}, "b": {}}}},
        ),
        (
            "${before.record == null ? {'state': 'none, \\'role\\': x'} : {'state': before.record.a, 'role': 'b'}}",
            {"type": "object", "properties": {"state": {}, "role": {}}},
        ),
        ({"value": "${before.record.a}", "pattern": "^[a-z]+$"}, {"type": "string"}),
        ({"value": "${before.record.a}", "enum": ["b", "c"]}, {"enum": ["b", "c"]}),
    ],
)
def test_an_output_is_typed_as_far_as_its_expression_tells(output: Any, told: dict[str, Any]) -> None:
    assert schema(output) == told


def test_a_secret_is_told_as_the_handle_that_it_becomes() -> None:
    outputs = {"key": {"value": "${response.body.key}", "secret": {"to": []}}}
    made = output_schemas(program(WRITE, outputs=outputs, expect=EXPECT, evidence={"http": ["before", "after"]}))
    assert made["key"]["type"] == "string"  # type: ignore[index,call-overload]  # it is an object
    assert "handle" in str(made["key"])


@pytest.mark.parametrize("value", VALUES)
def test_it_holds_for_whatever_a_target_gives(value: Any) -> None:
    made = program(
        READ,
        outputs={
            "any": "${before.record.value}",
            "same": "${before.record.value == 'x'}",
            "one": "${{'a': before.record.value}}",
            "many": "${[before.record.value].map(v, {'a': v})}",
        },
    )
    outputs = outputs_of(made, {"before.record": {"value": value}, "inputs.record": "r"})
    assert isinstance(outputs, dict), outputs
    jsonschema.validate(outputs, {"type": "object", "properties": output_schemas(made)})
