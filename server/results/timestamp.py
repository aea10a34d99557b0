"""A timestamp as people and agents read it (RFC 3339, UTC, to the second)."""

from datetime import UTC, datetime
from functools import lru_cache


def iso(at_ms: int) -> str:
    """An instant in UTC, to the second."""
    return _second(at_ms // 1000)


# receipts of one page fall into few seconds, and `strftime` costs more than the look-up
@lru_cache(maxsize=64)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
