"""Live pages: server-sent events that say only *that* something changed; the page then looks for itself.

A page carries the mark of what it shows, and the stream says the mark of what is: a page that is behind when it starts
to watch, or was asleep, sees that at once. One task looks at the store once a second while anybody watches.

`event: mark` and `data: <64 hex digits>`, at first and after each change.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import orjson
from starlette.responses import Response, StreamingResponse

from contracts.errors import AilyusError
from receipts.tables import marks
from server.actions.runner import ActionRunner
from server.console.visit import ConsoleRequest, View

SECONDS = 1.0
"""How often it is looked, and so how late a page may be."""
QUIET_SECONDS = 20.0
"""How often a silent stream says that it lives."""
MAX_VIEWERS = 500


@dataclass(eq=False)
class _Viewer:
    tenant: str
    topic: str
    signal: asyncio.Event = field(default_factory=asyncio.Event)


class Live:
    """Who watches what."""

    def __init__(self, runner: ActionRunner, is_signed_in: Callable[[str], Awaitable[bool]]) -> None:
        self._runner = runner
        self._is_signed_in = is_signed_in
        self._viewers: set[_Viewer] = set()
        self._seen: dict[tuple[str, str], str] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def views(self) -> list[View]:
        """Where it is reached."""
        return [View("GET", "/events", self.events)]

    async def events(self, visit: ConsoleRequest) -> Response:
        """A stream of `event: changed` for the inbox, or for one action of this person's tenant."""
        topic = visit.asked("action") or "inbox"
        # each holds a connection for hours: pages that nobody closes must not keep agents out
        if len(self._viewers) >= MAX_VIEWERS or self._closed:
            raise AilyusError("overloaded", "too many pages watch already", hint="reload the page now and then")
        viewer = _Viewer(visit.tenant, topic)
        secret = visit.signed_in.secret
        return StreamingResponse(self._stream(viewer, secret), media_type="text/event-stream")

    async def _stream(self, viewer: _Viewer, secret: str) -> AsyncIterator[bytes]:
        self._viewers.add(viewer)
        try:
            mark = await self.mark(viewer.tenant, viewer.topic)
            # one task looks for all of them; it ends with the last viewer, and the next one begins another
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._watch())
            yield _said(mark)
            while not self._closed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(QUIET_SECONDS):
                        await viewer.signal.wait()
                # INVARIANT 9: a session that ended learns nothing more
                if self._closed or not await self._is_signed_in(secret):
                    return
                viewer.signal.clear()
                before, mark = mark, self._seen.get((viewer.tenant, viewer.topic), mark)
                yield _said(mark) if mark != before else b": quiet\n\n"
        finally:
            self._viewers.discard(viewer)

    async def _watch(self) -> None:
        size = -1
        while self._viewers and not self._closed:
            await asyncio.sleep(SECONDS)
            # a counter first: a store that nobody changed is not asked for every page each second
            now = self._runner.journal.store.changes
            if now == size:
                continue
            size = now
            topics = {(v.tenant, v.topic) for v in self._viewers}
            former, self._seen = self._seen, {topic: await self.mark(*topic) for topic in topics}
            for viewer in self._viewers:
                topic = (viewer.tenant, viewer.topic)
                if former.get(topic) != self._seen.get(topic):
                    viewer.signal.set()

    async def mark(self, tenant: str, topic: str) -> str:
        """What a page about this shows, as a digest; asked for before the page reads it."""
        store = self._runner.journal.store
        shown = await marks.of_inbox(store, tenant) if topic == "inbox" else await marks.of_action(store, tenant, topic)
        return hashlib.sha256(orjson.dumps(shown)).hexdigest()

    async def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        for viewer in self._viewers:
            viewer.signal.set()
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


def _said(mark: str) -> bytes:
    return f"event: mark\ndata: {mark}\n\n".encode()
