"""Our canonical JSON is RFC 8785's, and what has no canonical form is refused."""

import time
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from contracts.canonical import canonical, digest, first_id, new_id
from contracts.errors import AilyusError

KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


@given(VALUES)
def test_the_same_bytes_as_rfc8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        "\ud800",
        {"é": 1},
        {1: 2},
        {"": 1},
        {"a": [1.5]},
        b"bytes",
        {1, 2},
        {"k": {"\x00": 1}},
    ],
    ids=repr,
)
def test_what_has_no_canonical_form(value: Any) -> None:
    with pytest.raises(AilyusError) as caught:
        canonical(value)
    assert caught.value.code == "not_canonical"


def test_too_deep() -> None:
    value: Any = 1
    for _ in range(40):
        value = [value]
    with pytest.raises(AilyusError):
        digest(value)


def test_ids_are_random_and_of_one_form() -> None:
    ids = {new_id("act") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(i) == 30 and i.startswith("act_") for i in ids)


def test_the_first_id_of_a_time_is_before_all_that_are_made_then() -> None:
    now = time.time_ns() // 1_000_000
    assert first_id("act", now - 1000) < new_id("act") < first_id("act", now + 60_000)
    assert len(first_id("act", now)) == len(new_id("act"))
