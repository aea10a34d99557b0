"""The leaves of the log whose statements are in an archive: as the evidence of an `archive` statement names them.

In the log's tree nothing of them is missing: their hashes stay among its nodes, under every signed root.
"""

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import JsonValue, TypeAdapter, ValidationError

from contracts.canonical import commitment
from contracts.errors import AilyusError
from receipts.store.row import Read, blob

LABEL: Final = "leaves"
MARK: Final = b'"kind":"archive"'
"""What the bytes of an `archive` statement hold; a search in them is faster than to parse every statement of a log."""
_RANGES: Final = TypeAdapter(list[tuple[int, int]])
_EVIDENCE: Final = f"SELECT salt, data FROM evidence WHERE leaf_index = ? AND label = '{LABEL}'"


@dataclass(frozen=True, slots=True)
class LeafRanges:
    """Leaves as ranges, the first and the last of each, in order."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, leaves: Iterable[int]) -> "LeafRanges":
        """Of leaves in any order."""
        found: list[tuple[int, int]] = []
        for leaf in sorted(set(leaves)):
            if found and leaf == found[-1][1] + 1:
                found[-1] = (found[-1][0], leaf)
            else:
                found.append((leaf, leaf))
        return cls(tuple(found))

    @classmethod
    def decode(cls, data: bytes) -> "LeafRanges":
        """Raises `store_corrupt` for anything but ranges in order."""
        try:
            ranges = _RANGES.validate_json(data)
        except ValidationError:
            ranges = [(0, -1)]
        in_order = all(first <= last for first, last in ranges)
        if not in_order or any(one[1] >= other[0] for one, other in itertools.pairwise(ranges)):
            raise AilyusError("store_corrupt", "the leaves of an archive cannot be read")
        return cls(tuple(ranges))

    def encoded(self) -> bytes:
        """As JSON: `[[first,last],…]`."""
        return orjson.dumps(self.ranges)

    def holds(self, leaf: int) -> bool:
        """Is it one of them?"""
        place = bisect_right(self.ranges, (leaf, 2**63)) - 1
        return place >= 0 and leaf <= self.ranges[place][1]


def leaves_of(read: Read, leaf: int, predicate: Mapping[str, JsonValue]) -> LeafRanges:
    """The leaves that an `archive` statement at this leaf names. Raises `store_corrupt` where it does not say so."""
    committed, rows = predicate.get("commitments"), read(_EVIDENCE, leaf)
    named = committed.get(LABEL) if isinstance(committed, dict) else None
    if not rows or commitment(blob(rows[0][0]), blob(rows[0][1])) != named:
        raise AilyusError("store_corrupt", "the leaves of an archive are not what was signed", hint="`ailyus audit`")
    return LeafRanges.decode(blob(rows[0][1]))


def is_named(leaf: int, named: Sequence[LeafRanges]) -> bool:
    """Does any archive name this leaf?"""
    return any(one.holds(leaf) for one in named)
