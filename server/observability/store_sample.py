"""The sample of a store: what its rows say, read every few seconds beside the loop, so that no scrape waits for it."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

from receipts.store.row import Read
from receipts.store.store import Store
from receipts.tables.backlog import Backlog, backlog

SAMPLE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class StoreSample:
    """What was read at one moment."""

    backlog: Backlog
    bytes: int
    at_ms: int


class StoreSampler:
    """Reads the store again and again. `latest` is None while it cannot be read: an old number would look like news."""

    def __init__(self, store: Store, seconds: float = SAMPLE_SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self.latest: StoreSample | None = None

    async def start(self) -> None:
        """The first sample, then one after the other."""
        await self.sample()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """No further one."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def sample(self) -> None:
        """One reading, in another thread."""
        store = self._store

        def read_all(read: Read) -> StoreSample:
            now = store.now_ms()
            return StoreSample(backlog(read, now), store.bytes_of(read), now)

        try:
            self.latest = await store.read_aside(read_all)
        except Exception:  # whatever it is, whoever watches is told of it by `ailyus_store_readable`
            self.latest = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.sample()
