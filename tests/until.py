"""Wait for what becomes so, and no longer: no test sleeps for a time that it guessed."""

import asyncio
import time
from typing import Any

from tests.slowness import scaled


async def until(condition: Any, seconds: float = 30.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + scaled(seconds)
    while not condition():
        assert time.monotonic() < end, "it did not become so in time"
        await asyncio.sleep(0.005)
