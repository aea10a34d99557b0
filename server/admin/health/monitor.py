"""The monitor of a gateway's health: each check looks on its own, and whoever asks reads what it found last."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

import structlog

from server.admin.health.check import HealthCheck, HealthResult
from server.admin.health.report import CheckLine, HealthReport

MAX_AGE_SECONDS: Final = 2.0
"""How old a result may be. A check that hangs, or that nobody carries out any more, is not well after that."""
FIRST_SECONDS: Final = 5.0
"""How long a gateway that starts waits for the first results."""
_BEAT_SECONDS: Final = 0.5
log = structlog.get_logger()


class HealthMonitor:
    """Carries the checks out, each at its own pace and one look of it at a time.

    `alive` are checks of what only a restart repairs; the others say whether the gateway may be asked now.
    """

    def __init__(self, ready: Sequence[HealthCheck], alive: Sequence[HealthCheck] = ()) -> None:
        self._ready = list(ready)
        self._alive = list(alive)
        self._found: dict[str, tuple[HealthResult, float]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._beat_at = 0.0
        self._looked = asyncio.Event()
        """Every check has a result."""
        self._ending = False

    def add(self, check: HealthCheck) -> None:
        """One check more, before the start."""
        self._ready.append(check)

    async def start(self) -> None:
        """Look at everything once, then for ever."""
        self._tasks = [asyncio.create_task(self._run(check)) for check in (*self._ready, *self._alive)]
        self._tasks.append(asyncio.create_task(self._beat()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self._looked.wait()

    def end(self) -> None:
        """From now on the gateway is not ready: it serves what comes, and whoever sends it more should not."""
        self._ending = True

    @property
    def is_ending(self) -> bool:
        """Was it told to end?"""
        return self._ending

    async def stop(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()
        # an entry of the store that hangs is left to the store: its waiter goes, and is not waited for
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def ready(self) -> HealthReport:
        """May the gateway be asked?"""
        lines = [self._line(check) for check in self._ready]
        if self._ending:
            lines.append(CheckLine(check="serving", ok=False, says="it is about to end"))
        return HealthReport.of(tuple(lines))

    def alive(self) -> HealthReport:
        """Would a restart repair nothing?"""
        beats = time.monotonic() - self._beat_at <= MAX_AGE_SECONDS
        loop = CheckLine(check="loop", ok=beats, says="it turns" if beats else "the checks are not carried out")
        return HealthReport.of((loop, *(self._line(check) for check in self._alive)))

    def _line(self, check: HealthCheck) -> CheckLine:
        result, at = self._found.get(check.name, (HealthResult(False, "it was not looked at yet"), time.monotonic()))
        age = time.monotonic() - at
        if age > MAX_AGE_SECONDS:  # guard: a check that hangs
            result = HealthResult(False, f"the last look ended {age:.0f} s ago: {result.says}")
        return CheckLine(check=check.name, ok=result.ok, says=result.says)

    async def _run(self, check: HealthCheck) -> None:
        while True:
            try:
                result = await check.look()
            except Exception as fault:  # whatever it is, it is no health; its text may name what nobody may read here
                result = HealthResult(False, f"the look at it failed: {type(fault).__name__.lower()}")
            before, _ = self._found.get(check.name, (HealthResult(True, ""), 0.0))
            self._found[check.name] = (result, time.monotonic())
            if len(self._found) == len(self._ready) + len(self._alive):
                self._looked.set()
            if before.ok is not result.ok:
                _tell(check.name, result)
            await asyncio.sleep(check.period)

    async def _beat(self) -> None:
        while True:
            self._beat_at = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)


def _tell(check: str, result: HealthResult) -> None:
    with contextlib.suppress(OSError):  # a log that cannot be written ends no check
        if result.ok:
            log.info("health", check=check, ok=True, says=result.says)
        else:
            log.warning("health", check=check, ok=False, says=result.says)
