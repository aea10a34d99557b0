"""A scan of one table for a list: newest first, by the narrowest of its conditions, over a bounded number of rows.

A list may be filtered by anything, and no index fits every combination. So one condition leads: the one that fewest
rows meet, by its own index. The others are asked of the rows that it gives, `MOST` of them for a page; where that does
not fill the page, the page says how far it looked, and the next one goes on from there. Keys are text or numbers that
grow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from receipts.store.row import Read, Value, integer

MOST: Final = 5_000
"""Rows that one page looks at."""
_MEASURED: Final = 1_000
"""Rows up to which conditions are compared; a condition that more rows meet is a wide one."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A condition with an index that gives keys in order. Of several parts each has its own."""

    table: str
    key: str
    parts: tuple[tuple[str, tuple[Value, ...]], ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which keys are looked at: those after one, before another, and from which end."""

    after: Value = None
    before: Value = None
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """The keys that one condition gives, as a query with its values; `?` are in their order."""

    sql: str
    values: tuple[Value, ...]


def looks(limit: int) -> tuple[int, ...]:
    """How many candidates are looked at for a page: first few, which fill most pages, then all that may be."""
    few = 4 * limit
    return (few, MOST) if few < MOST else (MOST,)


def scan(lead: Lead, window: Window, most: int) -> Scan:
    """The next keys that a condition gives, in order."""
    end = "ASC" if window.oldest_first else "DESC"
    values: list[Value] = []
    parts: list[str] = []
    # only our own literals are joined into the text; every value is a parameter
    for condition, given in lead.parts:
        where = [condition] if condition else []
        bounds = [(f"{lead.key} > ?", window.after), (f"{lead.key} < ?", window.before)]
        where += [sql for sql, value in bounds if value is not None]
        values += [*given, *(value for _, value in bounds if value is not None), most]
        parts.append(
            f"SELECT {lead.key} AS k FROM {lead.table} WHERE {' AND '.join(where)} ORDER BY {lead.key} {end} LIMIT ?"
        )
    if len(parts) == 1:
        return Scan(parts[0], tuple(values))
    each = " UNION ".join(f"SELECT k FROM ({part}) AS p{number}" for number, part in enumerate(parts))
    return Scan(f"SELECT k FROM ({each}) AS u ORDER BY k {end} LIMIT ?", (*values, most))


def narrowest(read: Read, leads: Sequence[Lead], window: Window) -> Lead:
    """The condition that fewest rows meet, as far as it is worth to count them."""
    if len(leads) == 1:
        return leads[0]
    return min(leads, key=lambda lead: _size(read, lead, window))


def _size(read: Read, lead: Lead, window: Window) -> int:
    made = scan(lead, replace(window, oldest_first=False), _MEASURED)
    return integer(read(f"SELECT count(*) FROM ({made.sql}) AS s", *made.values)[0][0])


def end_of(read: Read, lead: Lead, window: Window, most: int) -> Value:
    """The last key of a scan that gave as many as it may: behind it nothing was looked at. None where it gave all."""
    made = scan(lead, window, most)
    found = "max(k)" if window.oldest_first else "min(k)"
    ((count, last),) = read(f"SELECT count(*), {found} FROM ({made.sql}) AS s", *made.values)
    return last if integer(count) >= most else None


def distinct(read: Read, table: str, column: str, tenant: str, most: int = 200) -> list[str]:
    """The values of a column that has an index behind the tenant, in order: from one to the next, without all rows."""
    found: list[str] = []
    last = ""
    while len(found) < most:
        rows = read(f"SELECT min({column}) FROM {table} WHERE tenant = ? AND {column} > ?", tenant, last)
        if rows[0][0] is None:
            break
        last = str(rows[0][0])
        found.append(last)
    return found
