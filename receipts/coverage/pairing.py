"""The pairing of two lists, of which each item of one may belong to some of the other: one to one, and as many as can.

Where several pairings are as large, some items stand without a partner in one and with a partner in another. Which of
them it is cannot be told, so they are given as one group with the number that is left over (the coarse decomposition of
Dulmage and Mendelsohn, 1958). Items without any possible partner are left over for certain. Deterministic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Surplus:
    """Items of the left of which `number` have no partner, and the items of the right that could be one."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    number: int


def pair(left: int, edges: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """A largest pairing of the left's items 0, 1, … with the right's, the first ones first: left by right."""
    taken: dict[int, int] = {}
    held: dict[int, int] = {}
    for item in range(left):
        _augment(item, edges, taken, held)
    return taken


def _augment(start: int, edges: Mapping[int, Sequence[int]], taken: dict[int, int], held: dict[int, int]) -> None:
    """Give an item a partner, by moving others to other partners where that is needed; breadth first, no recursion."""
    came: dict[int, int] = {}
    queue = [start]
    for item in queue:
        for other in edges.get(item, ()):
            if other in came:
                continue
            came[other] = item
            if other in taken:
                queue.append(taken[other])
                continue
            free: int | None = other
            while free is not None:
                mover = came[free]
                before = held.get(mover)
                taken[free], held[mover], free = mover, free, before
            return


def surplus(left: int, edges: Mapping[int, Sequence[int]], taken: Mapping[int, int]) -> list[Surplus]:
    """The groups of which some item of the left has no partner, in the order of their first item."""
    paired = set(taken.values())
    groups: list[Surplus] = []
    seen: set[int] = set()
    # reached by a path that alternates, each item could be left over instead of the first
    reached: dict[int, set[int]] = {}
    for start in (item for item in range(left) if item not in paired):
        queue, others = [start], set[int]()
        for item in queue:
            for other in edges.get(item, ()):
                if other not in others:
                    others.add(other)
                    queue += [taken[other]] if other in taken else []
        reached[start] = others
    for start, others in reached.items():
        if start in seen:
            continue
        joined, together = [start], set(others)
        seen.add(start)
        grows = True
        while grows:  # those that share a possible partner are one group
            more = [one for one, own in reached.items() if one not in seen and own & together]
            joined, grows = joined + more, bool(more)
            seen.update(more)
            together = together.union(*(reached[one] for one in more))
        members = {*joined, *(taken[other] for other in together if other in taken)}
        groups.append(Surplus(tuple(sorted(members)), tuple(sorted(together)), len(joined)))
    return groups
