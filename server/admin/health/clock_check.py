"""The check of the clock: it is not behind the store's last commit, and it did not jump."""

import time
from collections.abc import Callable
from typing import Final

from receipts.store.store import MAX_CLOCK_BACK_MS, Store
from server.admin.health.check import HealthResult
from server.workspace.clock import now_ms

MAX_JUMP_MS: Final = 2_000
"""How far a clock may go ahead or back between two looks."""
SETTLED_MS: Final = 30_000
"""A clock that stays for so long where it jumped to was corrected: from then on it is taken as it is."""
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""What no correction moves, and what goes on while the machine sleeps."""


class ClockCheck:
    """Compares the clock that the store counts by, and the machine's own, with one that nobody sets."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # a database has a clock of its own; tokens and certificates end by the machine's
        clocks: tuple[Callable[[], int], ...] = (store.now_ms, now_ms)
        self._distances = [_Distance(clock) for clock in clocks]

    async def look(self) -> HealthResult:
        """Is it sane now?"""
        jumped = [distance.jumped() for distance in self._distances]  # each of them looks every time
        if self._store.high_water_ms - self._store.now_ms() > MAX_CLOCK_BACK_MS:
            return HealthResult(False, "it is behind the store's last commit: nothing is claimed")
        if any(jumped):
            return HealthResult(False, "it jumped; it is believed when it is back, or has stayed where it is for 30 s")
        return HealthResult(True, "it runs evenly")


class _Distance:
    """How far a clock is from the steady one, which changes slowly while it is corrected slowly."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._kept = self._now()
        self._jump: tuple[int, int] | None = None
        """Where it jumped to, and when, by the steady clock."""

    def jumped(self) -> bool:
        now, at = self._now(), _steady_ms()
        if abs(now - self._kept) <= MAX_JUMP_MS:
            self._kept, self._jump = now, None
            return False
        if self._jump is None or abs(now - self._jump[0]) > MAX_JUMP_MS:
            self._jump = (now, at)
        if at - self._jump[1] >= SETTLED_MS:
            self._kept, self._jump = now, None
            return False
        return True

    def _now(self) -> int:
        return self._clock() - _steady_ms()


def _steady_ms() -> int:
    return time.clock_gettime_ns(_STEADY) // 1_000_000
