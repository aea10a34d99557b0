"""A value that is too long for its place becomes a smaller value, never a part of its JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.results.json_value import line_of
from server.results.shortened import shortened

LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=30)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=6), inner))


def size(value: Any) -> int:
    return len(line_of(value))


@given(VALUES, st.integers(4, 200))
def test_it_has_room(value: Any, room: int) -> None:
    short = shortened(value, room)
    assert size(short) <= room
    if size(value) <= room:
        assert short == value


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40), st.integers(12, 100))
def test_a_list_keeps_as_many_of_its_first_entries_as_there_is_room_for(value: list[int], room: int) -> None:
    short: Any = shortened(value, room)
    assert short == value[: len(short)]
    assert short == value or size(value[: len(short) + 1]) > room


@pytest.mark.parametrize(
    ("value", "room", "short"),
    [
        ("abcdef", 6, "abc…"),
        ('""""""', 8, '""…'),
        ([["abcdef"]], 10, [["abc…"]]),
        ({"a": "xxxxxxxxxx", "b": 1, "c": "yyyy"}, 16, {"a": "xxxxxxx…"}),
        ({"a": ["xxxxxxxxxx", "y"], "b": 1}, 18, {"a": ["xxxxxxx…"]}),
        ({"receipts": [{"id": "a"}, {"id": "b"}]}, 30, {"receipts": [{"id": "a"}]}),
        (1234567, 5, None),
    ],
)
def test_how_it_is_shortened(value: Any, room: int, short: Any) -> None:
    assert shortened(value, room) == short
