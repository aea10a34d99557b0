"""The sample of a store: what its rows say, read every few seconds beside the loop, so that no scrape waits for it."""

from dataclasses import dataclass
from typing import Final

from receipts.store.row import Read
from receipts.store.store import Store
from receipts.tables.backlog import Backlog, backlog
from server.observability.interval_task import IntervalTask

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
        self._turns = IntervalTask(seconds, self.sample)
        self.latest: StoreSample | None = None

    async def start(self) -> None:
        """The first sample, then one after the other."""
        await self.sample()
        self._turns.start()

    async def stop(self) -> None:
        """No further one."""
        await self._turns.stop()

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
