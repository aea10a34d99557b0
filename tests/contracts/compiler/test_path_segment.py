"""Segments of paths: no value leaves its segment, and no two values of one are read as others."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.compiler.expressions import Fault, Names
from contracts.compiler.path_segment import is_joint, segment_fault, segment_of
from contracts.compiler.template import Template

NAMES = Names.of({"inputs.id": "string"})
WHOLE = "\x00"
"""The text of a segment that is nothing but one value."""


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a%2e",
        "a;b",
        "a\x00",
        "a\nb",
        "e\u0301",
        "\u202e",
        "a\u200b",
        "\uff0e",
        "a\u2044b",
        "\u2100",
        "\ue000",
        "x" * 513,
    ],
)
def test_what_may_not_stand_in_a_path(value: str) -> None:
    template = Template.compile("/api/${inputs.id}/x", NAMES)
    assert segment_fault(value) is not None
    assert isinstance(segment_of(value, WHOLE), Fault)
    if "\x00" in value:
        return  # CEL cuts a string at NUL: such text is refused where it comes in (inputs, adapters)
    assert isinstance(template.path({"inputs.id": value}), Fault)


@pytest.mark.parametrize("value", ["a", "...", ".a", "a.b", "x" * 512, "é", "名前", "a b", "a:b@c", "~"])
def test_what_may_stand_in_a_path(value: str) -> None:
    assert segment_fault(value) is None


@given(st.text(max_size=30))
def test_a_value_is_read_back_as_it_is_from_one_segment(value: str) -> None:
    segment = segment_of(value, WHOLE)
    if not isinstance(segment, Fault):
        assert unquote(segment) == value
        assert not set(segment) & set("/?#\\; \n")
        assert segment.isascii()


@pytest.mark.parametrize(
    ("value", "around", "segment"),
    [
        ("job", "\x00:cancel", "job"),
        ("a:delete", "\x00:cancel", None),
        ("a') or ('b", "u('\x00')", None),
        ("a,b", "u('\x00')", "a%2Cb"),
        ("v1.2", "\x00...\x00", "v1.2"),
        ("v1.", "\x00...\x00", None),
        (".v1", "\x00...\x00", None),
        ("a...b", "\x00...\x00", None),
        ("a.b", "\x00.\x00", None),
        ("a-b", "pre-\x00", "a-b"),
    ],
)
def test_a_part_of_a_segment_holds_no_mark_that_sets_it_apart(value: str, around: str, segment: str | None) -> None:
    found = segment_of(value, around)
    assert found == segment or (segment is None and isinstance(found, Fault))


@given(st.text("ab.-:é", min_size=1, max_size=6), st.text("ab.-:é", min_size=1, max_size=6))
def test_two_values_of_a_segment_are_told_apart_by_the_first_joint(one: str, other: str) -> None:
    for joint in ("...", ":", "--"):
        around = f"\x00{joint}\x00"
        left, right = segment_of(one, around), segment_of(other, around)
        if not isinstance(left, Fault) and not isinstance(right, Fault):
            whole = f"{left}{joint}{right}"
            assert [unquote(part) for part in whole.split(joint)] == [one, other]
            assert [unquote(part) for part in whole.rsplit(joint, 1)] == [one, other]


def test_letters_and_digits_alone_join_two_values_into_one() -> None:
    assert is_joint("")
    assert is_joint("v2")
    assert is_joint("é")
    assert not is_joint("...")
    assert not is_joint("a-b")
