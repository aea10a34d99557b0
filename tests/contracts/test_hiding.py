"""Hidden values: they compare and cannot be read, and what is needed in clear is found in each expression."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.hiding import Hiding, compared, placed, refuse_placed, require_known, values_before
from tests.contracts.making import refused

HIDING = Hiding(b"k" * 32)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=8,
)


def leaves(value: object) -> list[object]:
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [leaf for item in value.values() for leaf in leaves(item)] if isinstance(value, dict) else [value]


@given(VALUES, VALUES)
@settings(max_examples=60)
def test_hidden_values_are_equal_exactly_where_the_values_are(one: object, other: object) -> None:
    # in JSON 1 is not true, and Python says that it is
    same = repr(one) == repr(other) if not isinstance(one, dict | list) else one == other
    hidden = HIDING.all(one), HIDING.all(other)  # type: ignore[arg-type]  # JSON of this test
    if not isinstance(one, dict | list):
        assert (hidden[0] == hidden[1]) is same
    elif same:
        assert hidden[0] == hidden[1]
    # a second time changes nothing
    assert HIDING.all(hidden[0]) == hidden[0]


@given(VALUES)
@settings(max_examples=60)
def test_no_text_or_number_is_left_and_the_shape_stays(value: object) -> None:
    hidden = HIDING.all(value)  # type: ignore[arg-type]  # JSON of this test
    assert all(
        leaf is None or isinstance(leaf, bool) or str(leaf).startswith("hmac-sha256:") for leaf in leaves(hidden)
    )
    assert len(leaves(hidden)) == len(leaves(value))


def test_another_key_gives_other_digests_and_is_never_shown() -> None:
    assert HIDING.all("a") != Hiding(b"x" * 32).all("a")
    assert "kkk" not in repr(HIDING)


def test_what_is_listed_stays_in_clear_and_nothing_beside_it() -> None:
    value = {"a": {"b": 1, "bc": 2}, "list": [{"b": 3, "c": 4}]}
    shown = HIDING.but(value, "r", ("r.a.b", "r.list.c"))
    assert isinstance(shown, dict)
    assert shown["a"] == {"b": 1, "bc": HIDING.all(2)}
    assert shown["list"] == [{"b": HIDING.all(3), "c": 4}]
    assert HIDING.but(value, "r", ("r",)) == value


@pytest.mark.parametrize(
    ("text", "same", "needed"),
    [
        ("after.x.y != before.x.y", {"x.y"}, set()),
        ("before.x.y==after.x.y", {"x.y"}, set()),
        ("after.x.y == before.x.z", set(), {"x.z"}),
        ("before.x.y == '3'", set(), {"x.y"}),
        ("after.x.y == 1", set(), set()),
        ("'after.x.y == before.x.y' == after.z", set(), set()),
        ("after.x.list == before.x.list.size()", set(), {"x.list"}),
        ("after.x == before.x[0]", set(), {"x"}),
        ("before.x.y == before.x.y", set(), {"x.y"}),
        ("after.x.n == before.x.n + 1", set(), {"x.n"}),
        ("after.x.n == before.x.n\n - 1", set(), {"x.n"}),
        ("1 + before.x.n == after.x.n", set(), {"x.n"}),
        ("2 > before.x.n == after.x.n", set(), {"x.n"}),
        ("1 in before.x.n == after.x.n", set(), {"x.n"}),
        ("a && before.x.n == after.x.n && b", {"x.n"}, set()),
        ("(before.x.n == after.x.n) ? 1 : 2", {"x.n"}, set()),
        ("before.x.keys.all(k, k.id == after.x.id)", set(), {"x.keys.id"}),
        ("before.x.keys.map(k, k.id)", set(), {"x.keys"}),
        ("before.x.keys.exists(k, k.name.startsWith('a'))", set(), {"x.keys.name"}),
        ("before.x.keys.size() == 1", set(), {"x.keys"}),
    ],
)
def test_what_is_compared_whole_and_what_is_needed_in_clear(text: str, same: set[str], needed: set[str]) -> None:
    assert compared([text]) == same
    assert values_before(text) == needed


def test_what_is_needed_in_clear_is_listed() -> None:
    text = ("expect", "before.x.n == 1")
    with refused("expect", "a secret passes here, and `before.x.n == 1` needs the value of `before.x.n`"):
        require_known([text], ("x.m", "x.nn"))
    for clear in ("x.n", "x"):
        require_known([text], (clear,))


def test_the_names_under_which_a_secret_is_sent() -> None:
    whole = {"${inputs.key}"}
    body = {"a": "${inputs.key}", "b": [{"c": "${inputs.key}"}, {"d": "x${inputs.key}"}], "e": {"f": "${inputs.key}"}}
    assert list(placed(body, whole)) == ["a", "c", "f"]
    refuse_placed(["x.b", "a.x"], ["a"])
    with refused("not_secret", "`x.a` is named like the field that carries the secret"):
        refuse_placed(["x.b", "x.a"], ["a"])
