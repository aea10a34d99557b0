"""A JSON value narrowed to one type: what has another type is empty."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from server.results.json_value import list_of, number_of, object_of

VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.just(1.5) | st.sampled_from(["", "a"])
NESTED = VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2)


@settings(max_examples=60)
@given(NESTED)
def test_a_value_is_itself_or_empty(value: JsonValue) -> None:
    assert object_of(value) == (value if isinstance(value, dict) else {})
    assert list_of(value) == (value if isinstance(value, list) else [])
    assert number_of(value) == (value if isinstance(value, int) else 0)


@pytest.mark.parametrize("value", ["7", 7.0, None, [7]])
def test_what_only_looks_like_a_number_is_none(value: JsonValue) -> None:
    assert number_of(value) == 0


def test_a_part_of_what_is_missing_may_be_asked_for() -> None:
    said: JsonValue = {"decision": None}
    assert object_of(object_of(object_of(said)["decision"]).get("policies")) == {}
