"""Keys that an object names twice: found at any depth, however they are written, and nowhere else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import AilyusError
from contracts.text.repeated_keys import refuse_repeated, repeated_key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": 1, "\\u0061": 2}', "a"),
        ('{"x": [{"b": {}}, {"b": 1, "c": 2, "b": 3}]}', "b"),
        ('{"": 1, "": 2}', ""),
        ('{"a": {"b": 1}, "b": 2}', None),
        ('[{"a": 1}, {"a": 2}]', None),
        ('{"a": "a", "b": "a"}', None),
        ('{"a": 1, "A": 2}', None),
        ('{"a": 1, "a": ', None),
        ('["a", "a"]', None),
        ("", None),
    ],
)
def test_a_key_that_is_there_twice(text: str, key: str | None) -> None:
    assert repeated_key(text.encode()) == key


def test_what_is_no_json_is_left_to_its_parser() -> None:
    assert repeated_key(b'\xff{"a": 1, "a": 2}') is None
    assert repeated_key(b'["a", "b", ' + b"[" * 100_000) is None


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
@settings(max_examples=50)
def test_an_object_that_was_written_from_values_names_each_key_once(value: object) -> None:
    assert repeated_key(json.dumps(value).encode()) is None
    outer = f'{{"x1": {json.dumps(value)}, "x2": 0, "x1": 1}}'
    assert repeated_key(outer.encode()) == "x1"


def test_it_is_refused_with_the_callers_code_and_a_bounded_key() -> None:
    long = "k" * 500
    with pytest.raises(AilyusError) as caught:
        refuse_repeated(f'{{"{long}": 1, "{long}": 2}}'.encode(), "bad_proof", "the proof")
    assert caught.value.code == "bad_proof"
    assert caught.value.sentence == f"the proof names the key `{'k' * 100}` twice"
    assert caught.value.hint == "write each key once"
    refuse_repeated(b'{"a": 1, "b": 2}', "bad_proof", "the proof")
