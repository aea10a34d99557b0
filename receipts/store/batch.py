"""Statements that wait for the end of their group, and go to the database as one.

Each is written for one row, as the journal writes it; for many rows it becomes the same statement over `unnest`, and
all of them together one statement with a part for each:

    INSERT INTO search VALUES (?, ?)            w0 AS (INSERT INTO search SELECT v.p1, v.p2
                                                FROM unnest(?1::text[], ?2::int8[]) AS v(p1, p2) RETURNING 1)
    UPDATE actions SET state = ?                w1 AS (UPDATE actions SET state = v.p1
    WHERE id = ?                                FROM unnest(…) AS v(p1, p2) WHERE id = v.p2 RETURNING 1)
    SELECT count(*) FROM intents WHERE lock = ? w2 AS (SELECT FROM unnest(…) AS v(p1, p2), LATERAL (SELECT …) AS r(c0)
                                                WHERE (r.c0) IS DISTINCT FROM (v.p2))

Every part sees the tables as they were before the whole (PostgreSQL, 7.8.4 "Data-Modifying Statements in WITH"). So
only what concerns rows of an entry's own action may wait. Where two are about the same row after all, a key or a count
tells, and the group is done again, entry by entry.
"""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from receipts.store.connection import numbered
from receipts.store.row import Row, Value

_TABLE: Final = re.compile(r"(?:INTO|UPDATE|FROM|JOIN) (\w+)")
Types = Callable[[str], tuple[str, ...]]
"""The types of a statement's parameters, as the database names them."""


@dataclass(slots=True)
class _PendingRows:
    """One statement's rows; how many of them it must change (an update), find otherwise than expected (a query)."""

    rows: list[Row] = field(default_factory=list)
    want: int | None = None


@dataclass(slots=True)
class Batch:
    """What waits, by statement."""

    _sets: dict[str, _PendingRows] = field(default_factory=dict)

    def add(self, sql: str, rows: Sequence[Row]) -> None:
        """A statement for each of several rows; how many it changes is not asked."""
        self._sets.setdefault(sql, _PendingRows()).rows.extend(rows)

    def change(self, sql: str, row: Row) -> None:
        """A statement that must change one row."""
        waiting = self._sets.setdefault(sql, _PendingRows(want=0))
        waiting.rows.append(row)
        waiting.want = len(waiting.rows)

    def assume(self, sql: str, params: Row, usual: Row) -> None:
        """A query whose one row must be `usual`, of integers."""
        self._sets.setdefault(sql, _PendingRows(want=0)).rows.append((*params, *usual))

    def __bool__(self) -> bool:
        return bool(self._sets)

    def touches(self, sql: str) -> bool:
        """Does anything wait for a table that this statement names?"""
        return any(not _tables(sql).isdisjoint(_tables(waiting)) for waiting in self._sets)

    def drain(self, types: Types, end: "tuple[str, Row] | None" = None) -> "CombinedStatement":
        """Everything that waits as one statement, taken out; `end` is one more part, and its values."""
        # sorted, so that groups of the same kinds are the same prepared statement
        sets = sorted(self._sets.items())
        kinds = tuple((sql, types(sql), len(one.rows[0])) for sql, one in sets)
        last, values = end or ("", ())
        columns = [list(column) for _, one in sets for column in zip(*one.rows, strict=True)]
        self._sets = {}
        return CombinedStatement(
            _combined(kinds, last, len(values)), (*values, *columns), tuple(one.want for _, one in sets)
        )


@dataclass(frozen=True, slots=True)
class CombinedStatement:
    """One statement, its values, and how many rows each of its parts must give (None: any)."""

    sql: str
    values: tuple[Value | list[Value], ...]
    wants: tuple[int | None, ...]

    def holds(self, rows: Sequence[Row]) -> bool:
        """Is this what was expected?"""
        return all(want is None or want == got for want, got in zip(self.wants, rows[0], strict=True))


@functools.cache
def _tables(sql: str) -> frozenset[str]:
    return frozenset(_TABLE.findall(sql))


@functools.lru_cache(512)
def _combined(kinds: tuple[tuple[str, tuple[str, ...], int], ...], end: str, place: int) -> str:
    parts, counts = [], []
    for number, (sql, types, width) in enumerate(kinds):
        # what a query is expected to give stands behind its parameters
        columns = (*types, *("int8",) * (width - len(types)))
        arrays = ", ".join(f"?{place + n}::{kind}[]" for n, kind in enumerate(columns, 1))
        names = [f"p{n}" for n in range(1, width + 1)]
        rows = f"unnest({arrays}) AS v({', '.join(names)})"
        place += width
        parts.append(f"w{number} AS ({_over(sql, rows, names[len(types) :])})")
        counts.append(f"(SELECT count(*) FROM w{number})")
    if end:
        parts.append(end)
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts)}"


def _over(sql: str, rows: str, usual: Sequence[str]) -> str:
    """A statement for one row as the same for each of some rows `v`; `usual` names what a query is expected to give."""
    one = numbered(sql, "v.p")
    if sql.startswith("SELECT"):
        found = [f"c{n}" for n in range(len(usual))]
        told, want = ", ".join(f"r.{name}" for name in found), ", ".join(f"v.{name}" for name in usual)
        return f"SELECT FROM {rows}, LATERAL ({one}) AS r({', '.join(found)}) WHERE ({told}) IS DISTINCT FROM ({want})"
    if sql.startswith("INSERT"):
        before, _, rest = one.partition(" VALUES (")
        values, _, conflict = rest.partition(" ON CONFLICT ")
        conflict = conflict and f"ON CONFLICT {conflict} "
        return f"{before} SELECT {values.rstrip().removesuffix(')')} FROM {rows} {conflict}RETURNING 1"
    before, _, guard = one.partition(" WHERE ")
    return f"{before} FROM {rows} WHERE {guard} RETURNING 1"
