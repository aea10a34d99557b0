"""Timestamps as vendors write them (RFC 3339, milliseconds), so that later ones sort after earlier ones."""

import time
from datetime import UTC, datetime


def stamp() -> str:
    """Now, for example `2026-11-22T18:16:37.123Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
