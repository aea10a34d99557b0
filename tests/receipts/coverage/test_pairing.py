"""The pairing: as large as a search of all pairings finds, and what could be left over is in a group."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from receipts.coverage.pairing import pair, surplus

EDGES = st.dictionaries(st.integers(0, 4), st.lists(st.integers(0, 4), unique=True).map(sorted), max_size=5)


def largest(edges: dict[int, list[int]]) -> set[frozenset[int]]:
    """The left's items that have a partner, in each of the largest pairings."""
    found: set[frozenset[int]] = set()
    for order in permutations(range(5)):
        found.add(frozenset(n for n in range(5) if order[n] in edges.get(n, [])))
    most = max(len(one) for one in found)
    return {one for one in found if len(one) == most}


@given(EDGES)
def test_as_large_as_any_and_every_doubt_in_a_group(edges: dict[int, list[int]]) -> None:
    taken, best = pair(5, edges), largest(edges)
    assert all(right in edges[left] for right, left in taken.items())
    assert len(set(taken.values())) == len(taken) == len(next(iter(best)))
    groups = surplus(5, edges, taken)
    doubtful = {item for group in groups for item in group.left}
    assert doubtful == {item for item in range(5) if any(item not in one for one in best)}
    assert sum(group.number for group in groups) == 5 - len(taken)
