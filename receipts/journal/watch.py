"""Waiting for a transition of one action, whoever commits it."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Watch:
    """Whoever waits for a transition of one action."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def change(self, seconds: float) -> None:
        """Return when one was committed since this was last called, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.event.wait()
        self.event.clear()


class Watches:
    """All of them, by action."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def watching(self, action_id: str) -> Iterator[Watch]:
        """Watch an action: what is committed from here on is not missed, whatever is read in between."""
        watch = Watch()
        self._events.setdefault(action_id, set()).add(watch.event)
        try:
            yield watch
        finally:
            events = self._events.get(action_id, set())
            events.discard(watch.event)
            if not events:
                self._events.pop(action_id, None)

    def wake(self, ids: Iterable[str] | None) -> None:
        """Something was committed about these actions; None: about any."""
        for action_id in tuple(self._events) if ids is None else ids:
            for event in self._events.get(action_id, ()):
                event.set()
