"""A clock is sane while it runs evenly: a jump is told until the clock is back, or has stayed where it jumped to."""

from typing import Any

import pytest

from server.admin.health import clock_check
from server.admin.health.clock_check import MAX_JUMP_MS, SETTLED_MS, ClockCheck

HOUR = 3_600_000


class Clocks:
    """The store's clock and the steady one, both set by a test."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000
        self.steady = 5_000
        self.high_water_ms = 0

    def now_ms(self) -> int:
        return self.ms

    def passes(self, ms: int) -> None:
        self.ms += ms
        self.steady += ms


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    found = Clocks()
    monkeypatch.setattr(clock_check, "_steady_ms", lambda: found.steady)
    monkeypatch.setattr(clock_check.time, "time_ns", lambda: found.ms * 1_000_000)
    return found


async def ok(check: ClockCheck) -> bool:
    return (await check.look()).ok


def check_of(clocks: Any) -> ClockCheck:
    return ClockCheck(clocks)


async def test_time_that_passes_is_no_jump(clocks: Clocks) -> None:
    check = check_of(clocks)
    for ms in (0, 500, 10_000, HOUR):  # a process that was frozen for an hour
        clocks.passes(ms)
        assert await ok(check)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, MAX_JUMP_MS + 1, -MAX_JUMP_MS - 1])
async def test_a_jump_is_told_until_the_clock_is_back(clocks: Clocks, jump: int) -> None:
    check = check_of(clocks)
    clocks.ms += jump
    assert not await ok(check)
    clocks.passes(SETTLED_MS - 1)
    assert not await ok(check)
    clocks.ms -= jump
    assert await ok(check)


async def test_a_clock_that_stays_where_it_jumped_to_was_corrected(clocks: Clocks) -> None:
    check = check_of(clocks)
    clocks.ms += HOUR
    assert not await ok(check)
    clocks.passes(SETTLED_MS)
    assert await ok(check)
    clocks.ms += HOUR
    assert not await ok(check)
    clocks.passes(SETTLED_MS - 1)
    clocks.ms += HOUR  # a second jump: it has to stay there anew
    assert not await ok(check)
    clocks.passes(SETTLED_MS - 1)
    assert not await ok(check)
    clocks.passes(1)
    assert await ok(check)


async def test_a_slow_correction_is_no_jump(clocks: Clocks) -> None:
    check = check_of(clocks)
    for _ in range(100):
        clocks.passes(500)
        clocks.ms += MAX_JUMP_MS // 4
        assert await ok(check)


async def test_a_clock_behind_the_last_commit_is_told_however_even_it_runs(clocks: Clocks) -> None:
    clocks.high_water_ms = clocks.ms + HOUR
    check = check_of(clocks)
    result = await check.look()
    assert not result.ok
    assert "behind the store's last commit" in result.says
    clocks.passes(HOUR)
    assert await ok(check)
