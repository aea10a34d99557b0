"""Literals of Cedar's extension types as numbers: held against Cedar's own reading of them."""

import orjson
import pytest
from cedarpy import AuthzResult, is_authorized
from hypothesis import given
from hypothesis import strategies as st

from policies.proof.extension_literal import number_of
from policies.proof.formula import GREATEST, LEAST, Unmodelled


def permits(condition: str) -> bool:
    """Does Cedar find a condition to be true? An error of it is none."""
    request = {"principal": 'A::"a"', "action": 'B::"b"', "resource": 'C::"c"', "context": {}}
    result: AuthzResult = is_authorized(
        request, f"permit(principal, action, resource) when {{ {condition} }};", orjson.dumps([]).decode()
    )
    return result.allowed


@given(st.integers(LEAST, GREATEST))
def test_a_decimal_is_the_number_of_its_ten_thousandths(number: int) -> None:
    text = f"{'-' if number < 0 else ''}{abs(number) // 10_000}.{abs(number) % 10_000:04}"
    assert number_of("decimal", text) == number


@given(st.integers(LEAST, GREATEST))
def test_a_duration_is_the_number_of_its_milliseconds(number: int) -> None:
    assert number_of("duration", f"{number}ms") == number


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01",
        "2026-12-01T13:40:00Z",
        "2026-12-01T13:40:00.123Z",
        "2026-12-01T13:40:00+0130",
        "1969-12-31T23:59:59.999-0800",
        "0001-01-01T00:00:00Z",
    ],
)
def test_cedar_reads_a_time_alike(text: str) -> None:
    number = number_of("datetime", text)
    since = f'datetime("{text}").durationSince(datetime("1970-01-01"))'
    assert permits(f'{since} == duration("{number}ms")')
    assert not permits(f'{since} == duration("{number + 1}ms")')


@pytest.mark.parametrize("text", ["1d2h3m4s5ms", "-1d2h3m4s5ms", "90m"])
def test_cedar_reads_a_duration_alike(text: str) -> None:
    assert permits(f'duration("{text}").toMilliseconds() == {number_of("duration", text)}')


@pytest.mark.parametrize(
    ("constructor", "text"),
    [
        *(("decimal", text) for text in ("1", "1.", ".5", "1.23456", "922337203685477.5808", "x")),
        *(
            ("datetime", text)
            for text in ("2026-13-01", "2026-02-30", "2026-12-01T25:00:00Z", "2026-12-01T13:40:00", "")
        ),
        *(("duration", text) for text in ("", "-", "1", "1h1d", "9223372036854775808ms")),
        ("ip", "127.0.0.1"),
    ],
)
def test_what_is_no_literal_stands_for_no_number_and_is_none_to_cedar(constructor: str, text: str) -> None:
    with pytest.raises(Unmodelled):
        number_of(constructor, text)
    if constructor != "ip":
        assert not permits(f'{constructor}("{text}") == {constructor}("{text}")')
