"""The readers of a database: a pool for point reads, and one connection for a longer reading of one state."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from contracts.errors import AilyusError
from receipts.store.connection import (
    CONNECT_SECONDS,
    FAULTS,
    SETTINGS,
    STATEMENT_SECONDS,
    DatabaseSession,
    numbered,
    said,
)
from receipts.store.database_url import DatabaseUrl
from receipts.store.row import Read, Row, Value
from receipts.store.store import ReaderUsage

_MOST: Final = 8


class Readers:
    """A few connections of the loop that reads, none of which can write."""

    def __init__(self, url: str | DatabaseUrl) -> None:
        self._url = DatabaseUrl.of(url)
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def use(self) -> ReaderUsage:
        """How many are at work, and how many there may be."""
        pool = self._pool
        return ReaderUsage(pool.get_size() - pool.get_idle_size() if pool is not None else 0, _MOST)

    async def fetch(self, sql: str, *params: Value) -> list[Row]:
        """The rows of one query. Raises one of `FAULTS`."""
        pool = await self._of_this_loop()
        return [tuple(row) for row in await pool.fetch(numbered(sql), *params, timeout=STATEMENT_SECONDS)]

    async def close(self) -> None:
        """Give the connections up, from the loop that read."""
        if self._pool is not None:
            await self._pool.close()

    async def _of_this_loop(self) -> "asyncpg.Pool[asyncpg.Record]":
        loop = asyncio.get_running_loop()
        # asyncpg binds a pool to the loop that made it; commands run several loops, one after the other
        if self._pool is None or self._loop is not loop:
            self._loop = loop
            settings = {**SETTINGS, "default_transaction_read_only": "on"}

            async def connect(*_: object, **__: object) -> "asyncpg.Connection[asyncpg.Record]":
                return await self._url.connect(seconds=CONNECT_SECONDS, server_settings=settings)

            self._pool = asyncpg.create_pool(
                min_size=0,
                max_size=_MOST,
                connect=connect,
                reset=_leave,
            )
        return await self._pool


async def _leave(connection: object) -> None:
    """Point reads leave nothing behind in their session: to ask for that again would be a round trip for each."""


@contextmanager
def snapshot(url: str | DatabaseUrl) -> Iterator[Read]:
    """A database as it is now, whatever is committed meanwhile; not from a running loop.

    Raises `store_unavailable` where it does not open, `store_corrupt` where it cannot be read.
    """
    session = DatabaseSession(url)
    try:
        try:
            session.open()
        except FAULTS as error:
            # a server that is away, or has no connection left, is no reason to restore a backup
            hint = "is it there, has it a connection left, and does `[store] url` name it?"
            raise AilyusError("store_unavailable", f"the database does not open: {said(error)}", hint=hint) from None
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield session.query
    except FAULTS as error:
        raise AilyusError("store_corrupt", f"the store cannot be read: {said(error)}") from None
    finally:
        session.close()
