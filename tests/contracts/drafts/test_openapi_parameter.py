"""Parameters: style and explode as the description says them, and values as text."""

from typing import Any

import pytest

from contracts.drafts.openapi_parameter import style_of, text_input, text_of, texts_of


@pytest.mark.parametrize(
    ("part", "style"),
    [
        ({}, ("form", True)),
        ({"explode": False}, ("form", False)),
        ({"style": "pipeDelimited"}, ("pipeDelimited", False)),
        ({"style": "pipeDelimited", "explode": True}, ("pipeDelimited", True)),
        ({"style": "deepObject", "explode": True}, ("deepObject", True)),
        ({"type": "array"}, ("form", False)),
        ({"type": "array", "collectionFormat": "multi"}, ("form", True)),
        ({"type": "array", "collectionFormat": "ssv"}, ("spaceDelimited", False)),
        ({"type": "array", "collectionFormat": "pipes"}, ("pipeDelimited", False)),
        ({"type": "array", "collectionFormat": "tsv" + "x" * 40}, ("tsv" + "x" * 17, False)),
        ({"explode": "yes"}, ("form", False)),
    ],
)
def test_how_a_parameter_is_written(part: dict[str, Any], style: tuple[str, bool]) -> None:
    assert style_of(part) == style


def test_a_number_with_a_fraction_is_a_text_of_its_form() -> None:
    made = text_input({"type": "number"})
    assert made is not None
    assert made["type"] == "string"
    assert str(made["pattern"]).startswith("^")
    assert text_input({"type": "integer"}) == {"type": "integer"}
    assert text_input({"type": "object"}) is None
    assert text_input({"type": "number", "oneOf": [{}, {}]}) is None


def test_values_as_they_stand_in_a_url() -> None:
    assert [text_of(value) for value in ("a b", 7, True, None, {"a": 1})] == ["a b", "7", "true", "null", '{"a": 1}']
    assert texts_of([1, "a"]) == ["1", "a"]
    assert texts_of(1) == "1"
