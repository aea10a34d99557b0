"""A document holds what was set, in the order of the fields; what is not understood stays where it was found."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import pytest
from pydantic import JsonValue

from receipts.action.result_document import (
    UNSET,
    Part,
    Unset,
    take_each,
    take_object,
    take_one,
    take_text,
    take_texts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf(Part):
    name: str

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "Leaf | None":
        rest = dict(value)
        name = take_text(rest, "name")
        return None if name is None else cls(name=name, extra=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree(Part):
    always: str | None
    changed: bool | Literal[Unset.UNSET] | None = UNSET
    note: str | None = None
    leaf: Leaf | None = None
    leaves: tuple[Leaf | str, ...] | None = None
    data: Mapping[str, JsonValue] | None = None


def test_only_what_was_set_is_written_in_the_order_of_the_fields() -> None:
    assert Tree(always=None).document() == {"always": None}
    whole = Tree(
        data=MappingProxyType({"b": 1}), leaves=(Leaf(name="x"), "y"), leaf=Leaf(name="z"), changed=None, always="a"
    )
    assert list(whole.document()) == ["always", "changed", "leaf", "leaves", "data"]
    assert whole.document() == {
        "always": "a", "changed": None, "leaf": {"name": "z"}, "leaves": [{"name": "x"}, "y"], "data": {"b": 1},
    }  # fmt: skip


def test_what_another_version_wrote_is_written_again() -> None:
    assert Tree(always="a", extra={"later": [1], "note": 7}).document() == {"always": "a", "later": [1], "note": 7}


def test_what_no_document_can_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="a result holds no float"):
        Tree(always="a", note=1.5).document()  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a result holds no bytes"):
        Tree(always="a", leaves=(b"x",)).document()  # type: ignore[arg-type]


LEAVES: Any = [{"name": "a"}, {"name": "b", "more": 1}]


@pytest.mark.parametrize(
    ("take", "good", "bad"),
    [
        (take_text, ["", "a"], [None, 1, ["a"]]),
        (take_texts, [[], ["a", "b"]], [None, "a", ["a", 1], {"a": "b"}]),
        (take_object, [{}, {"a": None}], [None, [], "a"]),
        (lambda rest, name: take_one(rest, name, Leaf.of), [{"name": "a"}], [None, {}, {"name": 1}, [{"name": "a"}]]),
        (lambda rest, name: take_each(rest, name, Leaf.of), [[], LEAVES], [None, {}, [{"name": "a"}, {}], ["a"]]),
    ],
)
def test_what_has_the_expected_form_is_taken_out_and_all_else_stays(take: Any, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        rest = {"it": value, "other": 1}
        assert take(rest, "it") is not None
        assert rest == {"other": 1}
    for value in bad:
        rest = {"it": value, "other": 1}
        assert take(rest, "it") is None
        assert rest == {"it": value, "other": 1}
    assert take({}, "it") is None


def test_a_part_keeps_what_it_does_not_know() -> None:
    (first, second) = take_each({"leaves": LEAVES}, "leaves", Leaf.of) or ()
    assert (first.extra, second.extra) == ({}, {"more": 1})
    assert second.document() == {"name": "b", "more": 1}
