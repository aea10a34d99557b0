"""A value taken as an object or an array: itself where it is one, else an empty one."""

import pytest
from pydantic import JsonValue

from receipts.statement.json_value import array_of, object_of


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "text", [], [1], {}, {"a": [1]}])
def test_a_value_of_another_form_says_nothing(value: JsonValue) -> None:
    assert object_of(value) == (value if isinstance(value, dict) else {})
    assert array_of(value) == (value if isinstance(value, list) else [])
