"""The leaves that an archive took, as ranges: they hold what they were made of, and are refused where they are torn."""

import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.canonical import commitment
from contracts.errors import AilyusError
from receipts.statement.archive_leaves import LABEL, LeafRanges, is_named, leaves_of
from receipts.store.row import Row, Value


@given(st.sets(st.integers(0, 60)))
def test_ranges_hold_exactly_the_leaves_that_they_were_made_of(leaves: set[int]) -> None:
    made = LeafRanges.of(leaves)
    assert {leaf for leaf in range(-1, 62) if made.holds(leaf)} == leaves
    assert LeafRanges.decode(made.encoded()) == made
    # as few ranges as there are: each ends where the next leaf is none of them
    assert all(last + 1 not in leaves and first - 1 not in leaves for first, last in made.ranges)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4))
def test_only_ranges_in_order_are_read(ranges: list[tuple[int, int]]) -> None:
    in_order = all(first <= last for first, last in ranges) and all(
        one[1] < other[0] for one, other in itertools.pairwise(ranges)
    )
    if in_order:
        assert LeafRanges.decode(orjson.dumps(ranges)).ranges == tuple(ranges)
    else:
        with pytest.raises(AilyusError, match="cannot be read"):
            LeafRanges.decode(orjson.dumps(ranges))


@pytest.mark.parametrize("data", [b"", b"{}", b"[[1]]", b'[["a",2]]', b"[[1,2,3]]"])
def test_what_is_no_list_of_ranges_is_refused(data: bytes) -> None:
    with pytest.raises(AilyusError, match="cannot be read"):
        LeafRanges.decode(data)


def test_the_leaves_of_a_statement_are_those_that_it_commits_to() -> None:
    salt, data = b"s" * 16, LeafRanges.of([1, 2, 5]).encoded()

    def read(sql: str, *values: Value) -> list[Row]:
        return [(salt, data)] if values == (7,) else []

    signed = {"commitments": {LABEL: commitment(salt, data)}}
    found = leaves_of(read, 7, signed)
    assert is_named(5, [LeafRanges.of([9]), found])
    assert not is_named(3, [LeafRanges.of([9]), found])
    for leaf, predicate in ((8, signed), (7, {}), (7, {"commitments": {LABEL: commitment(salt, data + b" ")}})):
        with pytest.raises(AilyusError, match="not what was signed"):
            leaves_of(read, leaf, predicate)
