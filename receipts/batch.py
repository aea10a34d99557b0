"""Statements that wait for the end of their group, and go to the database as one.

Each is written for one row, as the journal writes it; for many rows it becomes the same statement over `unnest`, and
all of them together one statement with a part for each:

    INSERT INTO search VALUES (?, ?)            w0 AS (INSERT INTO search SELECT v.p1, v.p2
                                                FROM unnest(?1::text[], ?2::int8[]) AS v(p1, p2) RETURNING 1)
    UPDATE actions SET state = ?                w1 AS (UPDATE actions SET state = v.p1
    WHERE id = ?                                FROM unnest(…) AS v(p1, p2) WHERE id = v.p2 RETURNING 1)
    SELECT count(*) FROM intents WHERE lock = ? w2 AS (SELECT FROM unnest(…) AS v(p1, u1), LATERAL (SELECT …) AS r(u)
                                                WHERE (r.u) IS DISTINCT FROM (v.u1))

Every part sees the tables as they were before the whole (PostgreSQL, 7.8.4 "Data-Modifying Statements in WITH"). So
only what concerns rows of an entry's own action may wait. Where two are about the same row after all, a key or a count
tells, and the group is done again, entry by entry.
"""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from receipts.store import Row, Value

_PLACE: Final = re.compile(r"\?(\d*)")
_TABLE: Final = re.compile(r"(?:INTO|UPDATE|FROM|JOIN) (\w+)")
Types = Callable[[str], tuple[str, ...]]
"""The types of a statement's parameters, as the database names them."""


@dataclass(slots=True)
class _Set:
    """One statement's rows; how many of them it must change (an update), find otherwise than expected (a query)."""

    rows: list[Row] = field(default_factory=list)
    want: int | None = None


@dataclass(slots=True)
class Batch:
    """What waits, by statement."""

    _sets: dict[str, _Set] = field(default_factory=dict)

    def add(self, sql: str, rows: Sequence[Row]) -> None:
        """A statement for each of several rows; how many it changes is not asked."""
        self._sets.setdefault(sql, _Set()).rows.extend(rows)

    def change(self, sql: str, row: Row) -> None:
        """A statement that must change one row."""
        waiting = self._sets.setdefault(sql, _Set(want=0))
        waiting.rows.append(row)
        waiting.want = len(waiting.rows)

    def expect(self, sql: str, params: Row, usual: Row) -> None:
        """A query whose one row must be `usual`, of integers."""
        self._sets.setdefault(sql, _Set(want=0)).rows.append((*params, *usual))

    def __bool__(self) -> bool:
        return bool(self._sets)

    def concerns(self, sql: str) -> bool:
        """Does anything wait for a table that this statement names?"""
        return any(not _tables(sql).isdisjoint(_tables(waiting)) for waiting in self._sets)

    def take(self, types: Types, end: "tuple[str, Row] | None" = None) -> "Whole":
        """Everything that waits as one statement, taken out; `end` is one more part, and its values."""
        # sorted, so that groups of the same kinds are the same prepared statement
        sets = sorted(self._sets.items())
        kinds = tuple((sql, _filled(types(sql), len(one.rows[0]))) for sql, one in sets)
        last, values = end or ("", ())
        columns = [list(column) for _, one in sets for column in zip(*one.rows, strict=True)]
        self._sets = {}
        return Whole(_combined(kinds, last, len(values)), (*values, *columns), tuple(one.want for _, one in sets))


@dataclass(frozen=True, slots=True)
class Whole:
    """One statement, its values, and how many rows each of its parts must give (None: any)."""

    sql: str
    values: tuple[Value | list[Value], ...]
    wants: tuple[int | None, ...]

    def holds(self, rows: Sequence[Row]) -> bool:
        """Is this what was expected?"""
        return all(want is None or want == got for want, got in zip(self.wants, rows[0], strict=True))


def _filled(types: tuple[str, ...], width: int) -> tuple[str, ...]:
    """The types of a row: of parameters, and of the integers that a query is expected to give."""
    return types + ("int8",) * (width - len(types))


@functools.cache
def _tables(sql: str) -> frozenset[str]:
    return frozenset(_TABLE.findall(sql))


@functools.lru_cache(512)
def _combined(kinds: tuple[tuple[str, tuple[str, ...]], ...], end: str, place: int) -> str:
    parts, counts = [], []
    for number, (sql, types) in enumerate(kinds):
        arrays, place = _arrays(types, place)
        parts.append(f"w{number} AS ({_over(sql, arrays, types)})")
        counts.append(f"(SELECT count(*) FROM w{number})")
    if end:
        parts.append(end)
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts)}"


def _arrays(types: Sequence[str], place: int) -> tuple[str, int]:
    return ", ".join(f"?{place + n}::{kind}[]" for n, kind in enumerate(types, 1)), place + len(types)


def _over(sql: str, arrays: str, types: Sequence[str]) -> str:
    """A statement for one row as the same for every row of some arrays, one for each parameter."""
    rows = f"unnest({arrays}) AS v({', '.join(f'p{n + 1}' for n in range(len(types)))})"
    one, params = _of_row(sql)
    if sql.startswith("SELECT"):
        usual = ", ".join(f"v.p{n + 1}" for n in range(params, len(types)))
        found = [f"c{n}" for n in range(len(types) - params)]
        told = ", ".join(f"r.{name}" for name in found)
        return f"SELECT FROM {rows}, LATERAL ({one}) AS r({', '.join(found)}) WHERE ({told}) IS DISTINCT FROM ({usual})"
    if sql.startswith("INSERT"):
        before, _, rest = one.partition(" VALUES (")
        values, _, conflict = rest.partition(" ON CONFLICT ")
        conflict = conflict and f"ON CONFLICT {conflict} "
        return f"{before} SELECT {values.rstrip().removesuffix(')')} FROM {rows} {conflict}RETURNING 1"
    before, _, guard = one.partition(" WHERE ")
    return f"{before} FROM {rows} WHERE {guard} RETURNING 1"


def _of_row(sql: str) -> tuple[str, int]:
    """A statement whose parameters are the columns of a row `v`; and how many it has."""
    highest = 0

    def place(match: "re.Match[str]") -> str:
        nonlocal highest
        number = int(match[1] or highest + 1)
        highest = max(highest, number)
        return f"v.p{number}"

    return _PLACE.sub(place, sql), highest
