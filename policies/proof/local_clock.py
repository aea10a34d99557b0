"""The local clock: how far a time zone's clocks are ahead of UTC, from when to when."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = 86_400
"""Seconds of a day."""
FIRST_SECOND = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
"""Claims are about the years from 2020 on ..."""
LAST_SECOND = int(datetime(2040, 1, 1, tzinfo=UTC).timestamp()) - 1
"""... to 2039: what clocks will show after that, nobody has decided."""


@lru_cache(maxsize=8)
def shifts_of(time_zone: str) -> tuple[tuple[int, int, int], ...]:
    """Each stretch of that time with one shift: its first second, its last one, and the seconds ahead of UTC."""
    zone = ZoneInfo(time_zone)
    found: list[tuple[int, int, int]] = []
    first = FIRST_SECOND
    for day in range(FIRST_SECOND, LAST_SECOND, DAY):
        if _ahead(zone, day + DAY) != _ahead(zone, day):
            turn = _turn(zone, day, day + DAY)
            found.append((first, turn - 1, _ahead(zone, first)))
            first = turn
    return (*found, (first, LAST_SECOND, _ahead(zone, first)))


def _ahead(zone: ZoneInfo, second: int) -> int:
    shift = datetime.fromtimestamp(second, zone).utcoffset()
    return int(shift.total_seconds()) if shift is not None else 0


def _turn(zone: ZoneInfo, before: int, after: int) -> int:
    """The first second of the new shift between two seconds with different ones."""
    while after - before > 1:
        middle = (before + after) // 2
        if _ahead(zone, middle) == _ahead(zone, before):
            before = middle
        else:
            after = middle
    return after
