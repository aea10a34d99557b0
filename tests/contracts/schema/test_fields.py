"""Fields of files: durations, closed models, and digests that outlive a newer key."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from contracts.schema.fields import Duration, Strict, as_duration, milliseconds, unsupported


@pytest.mark.parametrize(
    ("text", "ms"), [("0ms", 0), ("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000)]
)
def test_a_duration_in_milliseconds(text: str, ms: int) -> None:
    assert milliseconds(text) == ms


@pytest.mark.parametrize(
    "value", ["", "10", "s", "1.5s", "-1s", "1 s", "1d", "1S", "1s ", "1s\n", "1234567s", "٣s", 10, None, True, ["1s"]]
)
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        milliseconds(value)


@given(st.integers(0, 999_999), st.sampled_from(["ms", "s", "m", "h"]))
def test_a_duration_is_written_in_the_largest_unit_that_divides_it(number: int, unit: str) -> None:
    ms = milliseconds(f"{number}{unit}")
    written = as_duration(ms)
    assert milliseconds(written) == ms
    assert len(written) <= len(f"{number}{unit}")


def test_a_duration_has_the_bounds_of_its_field() -> None:
    adapter = TypeAdapter(Annotated[Duration, Field(ge=50, le=60_000)])
    assert adapter.validate_python("1m") == 60_000
    for text in ("49ms", "61s", "1h"):
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


class Old(Strict):
    name: str


class New(Strict):
    later = frozenset({"since", "kind"})

    name: str
    since: int = Field(7, alias="from")
    kind: tuple[str, ...] = Field(default_factory=tuple)


def test_a_newer_key_at_its_default_is_not_written() -> None:
    for by_alias in (True, False):
        assert New(name="a").model_dump(by_alias=by_alias) == Old(name="a").model_dump() == {"name": "a"}
        assert New.model_validate({"name": "a", "from": 7, "kind": []}).model_dump(by_alias=by_alias) == {"name": "a"}
    changed = New.model_validate({"name": "a", "from": 8})
    assert changed.model_dump(by_alias=True) == {"name": "a", "from": 8}
    assert changed.model_dump() == {"name": "a", "since": 8}


def test_a_model_is_closed_and_frozen() -> None:
    with pytest.raises(ValidationError, match="extra"):
        Old.model_validate({"name": "a", "nam": "b"})
    with pytest.raises(ValidationError, match="frozen"):
        Old(name="a").name = "b"  # type: ignore[misc]  # frozen


def test_a_key_behind_which_nothing_stands_takes_only_none() -> None:
    adapter = TypeAdapter(Annotated[object, unsupported("`x`")])
    assert [adapter.validate_python(value) for value in (None, "none")] == [None, "none"]
    for value in (True, False, "", 0, "x"):
        with pytest.raises(ValidationError, match="`x` is not supported yet"):
            adapter.validate_python(value)
