"""What the replicas of one database tell each other: `NOTIFY ailyus, 'REPLICA ! act_… act_…'`, in the same commit.

`!` means that halts, the control epoch or incidents changed too; `*` instead of ids, that there were too many of them.
A notification can be lost with its connection. So nothing rests on one: whoever hears is also asked to look a few times
a second, and to look at everything whenever the connection is new.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from contracts.errors import AilyusError
from receipts.store.connection import CONNECT_SECONDS, FAULTS, SETTINGS
from receipts.store.database_url import DatabaseUrl
from receipts.store.store import Change

CHANNEL: Final = "ailyus"
MAX_PAYLOAD: Final = 7_900
"""Bytes; PostgreSQL takes less than 8,000."""
LOOK_SECONDS: Final = 0.3
PATIENCE_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 0.2
Heard = Callable[[Change], Awaitable[None]]


def payload(replica: str, change: Change) -> str:
    """The text of a notification."""
    words = [replica, *("!" if change.controls else ()), *("*" if change.ids is None else sorted(change.ids))]
    text = " ".join(words)
    return text if len(text) <= MAX_PAYLOAD else f"{replica} {'! ' if change.controls else ''}*"


class Listener:
    """A connection that only listens. `is_ours` raises when the database is not the one that it was."""

    def __init__(
        self,
        url: str | DatabaseUrl,
        replica: str,
        is_ours: "Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[None]]",
    ) -> None:
        self._url = DatabaseUrl.of(url)
        self._replica = replica
        self._is_ours = is_ours
        self._ids: set[str] = set()
        self._any = False
        self._controls = False
        self._signal = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, heard: Heard) -> None:
        """From now on, in a task of its own."""
        self._task = asyncio.create_task(self._run(heard))

    async def close(self) -> None:
        """Listen no more."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, heard: Heard) -> None:
        while True:
            with contextlib.suppress(*FAULTS, AilyusError):
                await self._listen(heard)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _listen(self, heard: Heard) -> None:
        connection = await self._url.connect(seconds=CONNECT_SECONDS, server_settings=dict(SETTINGS))
        try:
            await self._is_ours(connection)
            await connection.add_listener(CHANNEL, lambda *told: self._told(str(told[-1])))
            await heard(Change(None, True))
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._signal.wait()
                self._signal.clear()
                change = Change(None if self._any else frozenset(self._ids), self._controls)
                self._ids, self._any, self._controls = set(), False, False
                await heard(change)
                await connection.execute("SELECT 1", timeout=PATIENCE_SECONDS)  # is anybody there?
        finally:
            connection.terminate()

    def _told(self, text: str) -> None:
        replica, *words = text.split(" ")
        if replica == self._replica:
            return
        self._controls |= "!" in words
        self._any |= "*" in words
        self._ids.update(word for word in words if word not in ("!", "*"))
        self._signal.set()
