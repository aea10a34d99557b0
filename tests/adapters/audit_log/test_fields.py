"""The fields of audit events: paths, names and instants, and what is none of them."""

import pytest
from pydantic import JsonValue

from adapters.audit_log.fields import field_at, instant_ms, names


def test_a_path_that_leads_nowhere_gives_nothing() -> None:
    value: JsonValue = {"a": {"b": [1]}}
    assert field_at(value, "a.b") == [1]
    assert field_at(value, "") == value
    assert field_at(value, "a.b.c") is None
    assert field_at(value, "x.y") is None


def test_names_are_texts_and_whole_numbers_each_once() -> None:
    assert names("a", 7, ["a", "b"], None, True, 1.5, {"c": 1}, "") == ("a", "7", "b")


@pytest.mark.parametrize(
    ("value", "at_ms"),
    [
        ("1970-01-01T00:00:01.500Z", 1_500),
        ("1970-01-01T01:00:00+01:00", 0),
        (1_764_590_000, 1_764_590_000_000),
        (1_764_590_000_123, 1_764_590_000_123),
        ("1970-01-01T00:00:01", None),
        ("yesterday", None),
        (True, None),
        (None, None),
    ],
)
def test_an_instant_is_one_moment_or_none(value: JsonValue, at_ms: int | None) -> None:
    assert instant_ms(value) == at_ms
