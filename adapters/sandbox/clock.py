"""Timestamps as vendors write them (RFC 3339, milliseconds), so that later ones sort after earlier ones."""

import time
from datetime import UTC, datetime, timedelta


def stamp(after_ms: int = 0) -> str:
    """Now, or so many milliseconds later, for example `2026-11-22T18:16:37.123Z`."""
    return (
        (datetime.now(UTC) + timedelta(milliseconds=after_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def now_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
