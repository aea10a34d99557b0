"""The lag of the event loop: how late it runs what was due."""

import asyncio
from typing import Final

from server.observability import metrics
from server.observability.interval_task import IntervalTask

LOOK_SECONDS: Final = 0.5


class LoopLag:
    """Sleeps for half a second, again and again, and measures what came on top of it."""

    def __init__(self) -> None:
        # the work itself is to sleep
        self._turns = IntervalTask(0, self._measure)

    def start(self) -> None:
        """From now on."""
        self._turns.start()

    async def stop(self) -> None:
        """No longer."""
        await self._turns.stop()

    async def _measure(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        metrics.record_lag(clock() - due)
