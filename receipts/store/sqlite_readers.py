"""The readers of a file, none of which can write: one for point reads, a few for longer reading of one snapshot.

All of them read in threads of their own, so that no read runs on the loop and none waits for the writer. Between two
reads none holds a state of the file open: the write-ahead log could not be written back meanwhile (`WalBound`).
"""

import asyncio
import contextvars
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import aiosqlite

from receipts.store.row import Read, Row, Value
from receipts.store.sqlite_file import connect, reader

T = TypeVar("T")
MOST_SNAPSHOTS: Final = 4
"""Longer readings at once: one may read the whole log while pages and agents are served by the others."""
_CHUNK: Final = 64
"""Rows that aiosqlite takes at once where it iterates, which nothing here does."""


class PointReader:
    """One connection of aiosqlite, which reads in its own thread; the first read opens it.

    It belongs to the loop that reads: aiosqlite answers a loop from its thread, and the thread ends where that loop was
    closed before the answer. Where another loop reads, the file is opened anew and the former connection is closed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: _Opened | None = None
        self._opening: asyncio.Task[_Opened] | None = None
        self._closed = False

    async def rows(self, sql: str, *params: Value) -> list[Row]:
        """The rows of one query, which is a transaction of its own. Raises `sqlite3.DatabaseError`."""
        loop, opened = asyncio.get_running_loop(), self._opened
        if self._closed:
            raise _gone()
        if opened is None or opened.loop is not loop:
            opened = await self._of(loop)
        try:
            return [tuple(row) for row in await opened.connection.execute_fetchall(sql, params)]
        except ValueError:  # aiosqlite's word for a connection that was closed just now
            if self._closed:
                raise _gone() from None
            raise

    def close(self) -> None:
        """Let what was asked be answered, then give the connection up. From any thread."""
        self._closed = True
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    async def _of(self, loop: asyncio.AbstractEventLoop) -> "_Opened":
        opening = self._opening
        if opening is None or opening.done() or opening.get_loop() is not loop:
            opening = self._opening = loop.create_task(self._open(loop))
        return await asyncio.shield(opening)  # whoever goes away leaves it to the others that wait for it

    async def _open(self, loop: asyncio.AbstractEventLoop) -> "_Opened":
        former, self._opened = self._opened, None
        if former is not None:
            await asyncio.to_thread(former.close)
        opened = _Opened(self._path, loop)
        await opened.connection
        self._opened = opened
        if self._closed:
            await asyncio.to_thread(opened.close)
            raise _gone()
        return opened


class _Opened:
    """A connection of aiosqlite, the loop that it is for, and the thread that it reads in."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._path = path
        self._plain: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None
        made: list[aiosqlite.Connection] = []
        # a thread that a daemon makes is a daemon too: a process that never closes its store can end all the same
        maker = threading.Thread(
            target=lambda: made.append(aiosqlite.Connection(self._connect, _CHUNK)), name="ailyus-maker", daemon=True
        )
        maker.start()
        maker.join()
        self.connection = made[0]

    def _connect(self) -> sqlite3.Connection:
        """In the thread of aiosqlite."""
        self._thread = threading.current_thread()
        self._thread.name = "ailyus-reader"
        self._plain = connect(self._path, readonly=True)
        return self._plain

    def close(self) -> None:
        """Let what was asked be answered, then end the thread."""
        # `stop` makes a future for the loop of its thread, where it finds one or can make one: here it cannot
        stopping = threading.Thread(target=self.connection.stop, name="ailyus-maker")
        stopping.start()
        stopping.join()
        if self._thread is not None:
            self._thread.join()
        if self._plain is not None:
            self._plain.close()  # for the thread that ended with its loop, and closed nothing


class Snapshots:
    """Longer reading, at most four at once; the next ones wait in line. Connections are kept for those that follow.

    It is plain `sqlite3` in threads of its own: aiosqlite runs single statements in its thread, and no function of
    ours, while `work` is one function that reads as often as it likes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(MOST_SNAPSHOTS, "ailyus-snapshot")
        self._idle: list[sqlite3.Connection] = []
        self._busy: set[int] = set()
        self._closed = False

    @property
    def used(self) -> int:
        """How many read now."""
        return len(self._busy)

    async def read(self, work: Callable[[Read], T]) -> T:
        """What `work` makes of one snapshot, in another thread. Raises `sqlite3.DatabaseError`."""
        if self._closed:
            raise _gone()
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(self.run, work))

    def run(self, work: Callable[[Read], T]) -> T:
        """The same in this thread, which may wait for it: not on a loop."""
        if self._closed:
            raise _gone()
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connect(self._path, readonly=True)
        keep = True
        self._busy.add(id(connection))
        try:
            connection.execute("BEGIN")
            return work(reader(connection))
        except sqlite3.DatabaseError:
            keep = False  # damaged, or another file by now: the next one opens it anew
            raise
        finally:
            self._busy.discard(id(connection))
            # at once: a snapshot that stays open keeps the write-ahead log from being written back
            if keep and not self._closed:
                connection.rollback()  # guard: a snapshot that ends
                self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Let what is being read end, then give the connections up."""
        self._closed = True
        self._threads.shutdown()
        while self._idle:
            self._idle.pop().close()


def _gone() -> sqlite3.DatabaseError:
    """What `sqlite3` says of a connection that was closed."""
    return sqlite3.ProgrammingError("Cannot operate on a closed database.")
