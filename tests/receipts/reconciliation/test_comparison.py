"""Two looks are compared on named paths: absent equals only absent, and what is hidden compares by its digest."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.action.observation import Observation, Reading
from contracts.compiler.catalog import load_catalog
from contracts.compiler.check import ABSENT
from contracts.hiding import Hiding
from receipts.reconciliation.comparison import drifted_paths, equal, evened, same
from tests.world import ROOT

PROGRAMS = load_catalog(ROOT / "contracts" / "library").programs
HIDING = Hiding(b"k" * 32)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=4,
)


def look(value: Any, name: str = "group") -> Observation:
    return Observation({name: Reading(name, 200, value, b"", 1)}, 1, "separate_credential")


@settings(max_examples=60)
@given(VALUES, VALUES)
def test_values_are_the_same_or_not_also_by_their_digests(one: Any, other: Any) -> None:
    path = ("before.group.value",)
    plain = same(path, look({"value": one}), look({"value": other}))
    # a JSON document tells true from 1, as its digest does
    hidden = replace(look({"value": HIDING.all(one)}), hiding=HIDING)
    assert same(path, hidden, look({"value": other})) is (HIDING.all(one) == HIDING.all(other))
    assert plain is (HIDING.all(one) == HIDING.all(other))


@pytest.mark.parametrize(
    ("one", "other"), [(True, 1), (0, False), ([1], [True]), ({"x": {"y": 0}}, {"x": {"y": False}})]
)
def test_yes_is_not_one(one: Any, other: Any) -> None:
    assert not equal(one, other)
    assert not equal(other, one)
    assert equal(one, one)


def test_absent_equals_only_absent() -> None:
    assert equal(ABSENT, ABSENT)
    for value in (None, "", 0, [], {}):
        assert not equal(ABSENT, value)
        assert not equal(value, ABSENT)
        assert equal(value, value)
    assert same(("before.group.members",), look({}), look({}))
    assert not same(("before.group.members",), look({"members": None}), look({}))


@pytest.mark.parametrize(
    ("before", "after", "evened_before", "evened_after"),
    [
        ({"members": [1]}, {}, {"members": [1]}, {"members": []}),
        ({}, {"members": [1]}, {"members": []}, {"members": [1]}),
        ({}, {}, {}, {}),  # neither look holds it: it proves nothing
        ({"members": [1]}, {"members": None}, {"members": [1]}, {"members": None}),
        ({"members": "x"}, {}, {"members": "x"}, {}),
        ({"members": [1]}, "gone", {"members": [1]}, "gone"),
    ],
)
def test_a_list_that_is_left_out_when_it_is_empty_is_empty_where_the_other_look_has_it(
    before: Any, after: Any, evened_before: Any, evened_after: Any
) -> None:
    reads = PROGRAMS["remove_group_member"].reads
    one, other = evened(reads, look(before), look(after))
    assert one.readings["group"].value == evened_before
    assert other.readings["group"].value == evened_after


def test_only_what_its_read_declares_is_evened() -> None:
    reads = PROGRAMS["remove_group_member"].reads
    one, other = evened(reads, look({"roles": [1], "members": []}), look({}))
    assert other.readings["group"].value == {"members": []}
    assert one.readings["group"].value == {"roles": [1], "members": []}
    alone = look({"members": [1]}, "another")
    assert evened(reads, alone, look({})) == (alone, look({}))


def test_what_changed_beside_it_is_named_as_the_contract_names_it() -> None:
    program = PROGRAMS["comment_on_ticket"]
    before, after = look({"ticket": {"status": "open"}}, "ticket"), look({"ticket": {"status": "solved"}}, "ticket")
    assert drifted_paths(program, before, after) == ("ticket.ticket.status",)
    assert drifted_paths(program, before, after)
    assert not drifted_paths(program, before, before)
    assert drifted_paths(program, before, look({"ticket": {}}, "ticket")) == ("ticket.ticket.status",)
