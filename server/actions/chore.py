"""Chores of a gateway: work that is done again and again beside what agents and people ask for, each at its own pace.

`RecoveryLoop` has some of its own, and `App` gives it those of the other floors. A chore has one task, so one that
hangs or fails delays no other, and none overlaps with itself.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from contracts.errors import AilyusError
from receipts.store.transaction import Conflict

DRAIN_SECONDS: Final = 5.0
"""How long a gateway that ends waits for what its chores are about: one delivery of a notice takes as long at most."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Chore:
    """What is done, and how many seconds after its end it is done again. The name is for the log."""

    name: str
    work: Callable[[], Awaitable[object]]
    seconds: float


class Chores:
    """Does each of them, from `start` to `stop`."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._chores = tuple(chores)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin; each is done for the first time after its pause."""
        self._tasks = [asyncio.create_task(self._run(chore), name=chore.name) for chore in self._chores]

    async def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Begin none any more. What is under way has some seconds to end, and is cancelled then."""
        self._stopping.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=drain_seconds)
        for task in late:
            log.warning("chore_cut", chore=task.get_name())
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_alive(self) -> bool:
        """Is each of them done again, from the start to the stop?"""
        return not any(task.done() for task in self._tasks)

    async def _run(self, chore: Chore) -> None:
        while not await self._is_stopped_within(chore.seconds):
            try:
                await chore.work()
            except Conflict:
                continue  # somebody else was first, and the next look sees what they did
            except AilyusError as error:
                log.warning("chore_failed", chore=chore.name, code=error.code)
            except Exception:  # a fault of our own, too: a chore that ended for it would be missing until a restart
                log.exception("chore_failed", chore=chore.name)

    async def _is_stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()
