"""Locators: one way to find one element, no value in CSS, and a name for people."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.schema.locator import Locator

LOCATED = [
    ({"role": "button", "name": "Save"}, "button `Save`"),
    ({"role": "heading", "level": 2}, "role `heading`"),
    ({"label": "Name:"}, "label `Name:`"),
    ({"text": "${inputs.id} is saved", "exact": False}, "text `${inputs.id} is saved`"),
    ({"css": "#a"}, "css `#a`"),
    (
        {"label": "x", "within": {"role": "row", "name": "y", "within": {"css": "#z"}}},
        "label `x` in row `y` in css `#z`",
    ),
]


@pytest.mark.parametrize(("words", "said"), LOCATED)
def test_a_locator_says_what_it_finds(words: dict[str, Any], said: str) -> None:
    assert str(Locator.model_validate(words)) == said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "exactly one of role, label, text, css"),
        ({"name": "Save"}, "exactly one of role, label, text, css"),
        ({"role": "button", "label": "Save"}, "exactly one of role, label, text, css"),
        ({"text": "x", "css": "#a"}, "exactly one of role, label, text, css"),
        ({"label": "x", "name": "y"}, "`name` and `level` belong to a role"),
        ({"css": "#a", "level": 1}, "`name` and `level` belong to a role"),
        ({"css": "#${inputs.id}"}, "no value goes into CSS"),
        ({"label": "x", "within": {"css": "#${inputs.id}"}}, "no value goes into CSS"),
        ({"role": "buton"}, "Input should be"),
        ({"role": "heading", "level": 7}, "less than or equal to 6"),
        ({"label": ""}, "at least 1 character"),
        ({"xpath": "//a"}, "Extra inputs"),
    ],
)
def test_what_finds_no_one_element(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why.replace("(", r"\(")):
        Locator.model_validate(words)


def test_a_name_is_whole_unless_it_is_said_to_be_a_part() -> None:
    assert Locator.model_validate({"text": "a"}).exact is True
