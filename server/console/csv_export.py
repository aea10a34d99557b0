"""The export of a list as CSV (RFC 4180): page by page as it is read, so that no export is in memory as a whole."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from starlette.responses import Response, StreamingResponse

MOST = 10_000
"""Rows of one export; a narrower filter gives the others."""
PAGE = 500
"""Rows that are read at once."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

K = TypeVar("K")


async def pages_of(
    read: Callable[[K | None], Awaitable[tuple[Sequence[Sequence[object]], K | None]]], before: K | None
) -> AsyncIterator[Sequence[Sequence[object]]]:
    """Pages until there is none, or `MOST` rows were given; `read` gives one, and where the next begins."""
    sent = 0
    while sent < MOST:
        rows, before = await read(before)
        yield rows
        sent += len(rows)
        if before is None:
            break


def csv_response(name: str, columns: Sequence[str], pages: AsyncIterator[Iterable[Sequence[object]]]) -> Response:
    """A file for a spreadsheet, that is sent while it is read."""

    async def lines() -> AsyncIterator[str]:
        yield csv_lines([columns])
        async for page in pages:
            yield csv_lines(page)

    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "x-content-type-options": "nosniff"}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines of CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def cell(value: object) -> str:
    """A value as a cell that no spreadsheet carries out: an apostrophe stands before what would be a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text  # guard: a cell is no formula
