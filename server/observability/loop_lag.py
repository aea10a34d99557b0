"""The lag of the event loop: how late it runs what was due."""

import asyncio
import contextlib
from typing import Final

from server.observability import metrics

LOOK_SECONDS: Final = 0.5


class LoopLag:
    """Sleeps for half a second, again and again, and measures what came on top of it."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """From now on."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """No longer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            metrics.record_lag(clock() - due)
