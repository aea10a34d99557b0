"""Inputs: always closed, each with a bound, and no keyword of ours among those of JSON Schema."""

from typing import Any

import pytest

from contracts.compiler.agent_arguments import RESERVED
from contracts.compiler.input_compiler import compile_inputs, input_names, is_bounded
from contracts.compiler.inputs import DEFAULT_MAX_LENGTH, InputSchema
from contracts.errors import AilyusError
from contracts.schema.input import Input
from tests.contracts.making import refused


def compiled(**fields: dict[str, Any]) -> InputSchema:
    return compile_inputs(
        {name: Input.model_validate({"type": "string", "description": "D.", **f}) for name, f in fields.items()}
    )


def field(**words: Any) -> dict[str, Any]:
    made = compiled(x=words).fields["x"]
    assert isinstance(made, dict)
    return made


def code_of(schema: InputSchema, value: object) -> str:
    with pytest.raises(AilyusError) as caught:
        schema.parse({"x": value})
    return caught.value.code


def test_the_schema_is_closed_and_requires_what_has_no_default() -> None:
    made = compiled(a={}, b={"optional": True}, c={"default": "z"}).schema
    assert made["additionalProperties"] is False
    assert made["required"] == ["a"]
    assert compiled(a={}, c={"default": "z"}).parse({"a": "y"}) == {"a": "y", "c": "z"}


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_the_gateways_own_arguments_are_reserved(name: str) -> None:
    with refused(f"inputs.{name}", f"the input name `{name}` is reserved"):
        compiled(**{name: {}})


def test_every_text_and_list_has_a_bound() -> None:
    assert field()["maxLength"] == DEFAULT_MAX_LENGTH
    assert field(maxLength=5)["maxLength"] == 5
    assert "maxLength" not in field(enum=["a", "b"])
    assert field(type="array", items={"type": "string"})["maxItems"] == 100
    assert field(type="array", items={"type": "string"}, maxItems=7)["maxItems"] == 7
    with refused("inputs.x", "a list needs `items`"):
        field(type="array")


@pytest.mark.parametrize(
    ("pattern", "bounded"),
    [
        ("^00u[0-9A-Za-z]{4,20}$", True),
        (r"^\+?[*+|]a?(b|c)?$", False),  # an alternative, wherever it stands, could have no end
        (r"^\+?[*+]\*(b{2,3})?$", True),
        ("^[0-9]+$", False),
        ("^[0-9]{3,}$", False),
        (r"^a\$", False),
        ("[0-9]{3}", False),
        ("^a$|b", False),
    ],
)
def test_a_pattern_that_bounds_a_text_is_its_bound(pattern: str, bounded: bool) -> None:
    assert is_bounded(pattern) is bounded
    assert ("maxLength" not in field(pattern=pattern)) is bounded


def test_no_word_of_ours_is_left_in_the_schema() -> None:
    made = compiled(x={"from": "find_x", "index": True, "optional": True, "late": {"max": 3}, "minLength": 2})
    assert made.fields["x"] == {
        "type": "string",
        "description": "D.",
        "minLength": 2,
        "maxLength": DEFAULT_MAX_LENGTH,
    }
    assert made.finders == {"x": "find_x"}


@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        "sec_",
        "sec_0123456789ABCDEFGHJKMNPQR",
        "sec_0123456789abcdefghjkmnpqrs",
        "x sec_0123456789ABCDEFGHJKMNPQRS",
    ],
)
def test_a_secret_is_taken_by_its_handle_only(value: str) -> None:
    made = compiled(x={"type": "secret"})
    assert made.parse({"x": "sec_0123456789ABCDEFGHJKMNPQRS"})
    assert code_of(made, value) == "wrong_format"


def test_a_pattern_that_is_none_is_refused_when_it_is_compiled() -> None:
    with refused("inputs", "the inputs are no JSON Schema"):
        compiled(x={"pattern": "("})


def test_names_of_expressions_have_the_types_of_their_inputs() -> None:
    types = {"a": "string", "b": "integer", "c": "boolean", "d": "array", "e": "secret"}
    fields = {name: Input.model_validate({"type": kind, "description": "D."}) for name, kind in types.items()}
    assert input_names(fields) == {
        "inputs.a": "string",
        "inputs.b": "int",
        "inputs.c": "bool",
        "inputs.d": "list",
        "inputs.e": "string",
    }
