"""The next batch of an export: statements of the log in their order, and the hole that keeps it from going on.

Each record says which record of the same export came before it (`after`), so that whoever receives them sees a missing
one without us. What is not in the store is a hole, and is never passed over.
"""

from dataclasses import dataclass
from typing import Final, Literal

from receipts.log.signing import Envelope
from receipts.statement import entries
from receipts.store.row import Read, integer

ExportFormat = Literal["statements", "ocsf"]
WINDOW: Final = 1000
"""Leaves that are looked at for one batch."""
_COUNT: Final = "SELECT count(*) FROM statements WHERE leaf_index > ? AND leaf_index <= ?"
_LAST: Final = "SELECT max(leaf_index) FROM statements"
_WAITS: Final = (
    "SELECT at_ms FROM statements WHERE leaf_index > ?1 AND (tenant = ?2 OR ?2 IS NULL) ORDER BY leaf_index LIMIT 1"
)
_ARCHIVED: Final = "SELECT 1 FROM archive_leaves WHERE leaf_index = ?"


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """One statement to be sent: its place in the log, and the leaf of the record before it (-1: there is none)."""

    leaf_index: int
    after: int
    receipt: str
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class ExportBatch:
    """Records in the order of the log; with them everything up to the leaf `cursor` is told. None may be there."""

    records: tuple[ExportRecord, ...]
    cursor: int

    @property
    def last(self) -> int | None:
        """The leaf of the newest record."""
        return self.records[-1].leaf_index if self.records else None


@dataclass(frozen=True, slots=True)
class ExportHole:
    """Statements that are not in the store, from the leaf `first` on: in an archive, or missing."""

    first: int
    is_archived: bool

    @property
    def says(self) -> str:
        """Why the export cannot go on."""
        if self.is_archived:
            return f"the statements from leaf {self.first} on are in an archive"
        return f"the statement at leaf {self.first} is missing: see `ailyus audit`"


@dataclass(frozen=True, slots=True)
class ExportLag:
    """How many leaves come after a cursor, and since when the oldest of them that an export may send is there.

    That is in milliseconds; 0 where all of these leaves belong to others.
    """

    leaves: int
    since_ms: int


def newest_leaf(read: Read) -> int:
    """The newest leaf of the log; -1 where it is empty."""
    ((newest,),) = read(_LAST)
    return -1 if newest is None else integer(newest)


def lag_of(read: Read, cursor: int, tenant: str | None) -> ExportLag:
    """How far an export is behind the log."""
    waiting = read(_WAITS, cursor, tenant)
    since = integer(waiting[0][0]) if waiting else 0
    return ExportLag(max(0, newest_leaf(read) - cursor), since)


def next_batch(read: Read, cursor: int, last: int, limit: int, tenant: str | None) -> ExportBatch | ExportHole | None:
    """What comes after a cursor, of one tenant or of all; None where the log holds nothing more."""
    end = min(cursor + WINDOW, newest_leaf(read))
    if end <= cursor:
        return None
    ((found,),) = read(_COUNT, cursor, end)
    if integer(found) != end - cursor:  # guard: an export passes over no hole
        # by halving: an archive may hold most of a window
        hole = _first_hole(read, cursor, end)
        if hole.first == cursor + 1:
            return hole
        end = hole.first - 1  # what stands before it is sent; the next look meets the hole itself
    taken = entries.between(read, cursor, end, limit, tenant)
    records, before = [], last
    for entry in taken:
        records.append(ExportRecord(entry.leaf_index, before, entry.receipt, Envelope.decode(entry.envelope)))
        before = entry.leaf_index
    # a full batch ends at its last record; else all of the window was looked at
    return ExportBatch(tuple(records), before if len(taken) == limit else end)


def _first_hole(read: Read, cursor: int, end: int) -> ExportHole:
    low, high = cursor, end  # everything up to `low` is there, and not everything up to `high`
    while high - low > 1:
        middle = (low + high) // 2
        ((found,),) = read(_COUNT, low, middle)
        low, high = (middle, high) if integer(found) == middle - low else (low, middle)
    return ExportHole(high, bool(read(_ARCHIVED, high)))
