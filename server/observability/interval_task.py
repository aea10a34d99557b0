"""The task of an interval: something that is done again and again, until nobody watches any more."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable


class IntervalTask:
    """Does its work after each interval (seconds); the work tells its own faults, and raises none."""

    def __init__(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        self._seconds = seconds
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """From now on, the first time after one interval."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """No longer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self._work()
