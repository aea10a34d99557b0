"""Timestamps as vendors write them (RFC 3339, milliseconds), so that later ones sort after earlier ones."""

from datetime import UTC, datetime


def stamp() -> str:
    """Now, for example `2026-11-22T18:16:37.123Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
