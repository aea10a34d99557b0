"""Inputs: known keywords only, and what may arrive late is bounded."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.schema.input import Input, Late

PLAIN: dict[str, Any] = {"type": "string", "description": "D."}


@pytest.mark.parametrize(
    "words",
    [
        {"patern": "x"},
        {"type": "number"},
        {"type": "object"},
        {"description": ""},
        {"format": "uri"},
        {"maxLength": 20_001},
        {"maxLength": 0},
        {"minLength": -1},
        {"maxItems": 1001},
        {"type": "array", "items": {"type": "object"}},
        {"from": "Find"},
        {"secret": True},
        {"secret": {"to": []}},
        {"late": {}},
    ],
)
def test_what_is_no_input(words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Input.model_validate({**PLAIN, **words})


def test_keywords_are_written_as_json_schema_writes_them() -> None:
    made = Input.model_validate({**PLAIN, "minLength": 1, "maxLength": 5, "from": "find_user"})
    assert (made.min_length, made.max_length, made.from_) == (1, 5, "find_user")
    written = made.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert written == {**PLAIN, "minLength": 1, "maxLength": 5, "from": "find_user"}
    assert "late" not in Input.model_validate(PLAIN).model_dump(mode="json")


def test_what_arrives_late_has_a_bound() -> None:
    with pytest.raises(ValidationError, match="needs `pattern`, `enum` or `max`"):
        Late.model_validate({})
    assert Late.model_validate({"max": 0}).fits(0)


@pytest.mark.parametrize(
    ("late", "fits", "not_"),
    [
        ({"pattern": "[a-z]+"}, ["a", "abc"], ["", "a1", "a\n", "Ab", 7, None, True]),
        ({"enum": ["a", "b"]}, ["a", "b"], ["c", "", 1, None]),
        ({"max": 5}, [5, 0, -7], [6, "5", True, False, 4.5, None]),
        ({"pattern": "[a-z]+", "enum": ["a", "1"]}, ["a"], ["1", "b"]),
    ],
)
def test_a_late_value_is_within_every_bound(late: dict[str, Any], fits: list[Any], not_: list[Any]) -> None:
    made = Late.model_validate(late)
    assert [value for value in fits if not made.fits(value)] == []
    assert [value for value in not_ if made.fits(value)] == []
