"""How much of the gateway one principal may take, decided before anything of a request is parsed.

Whoever asks too fast is made slow first and refused then: a refusal at once would only be asked for again at once.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

MAX_BODY = 512 * 1024
"""Bytes of one request's body: 64 KiB of arguments fit even where each character is escaped."""
MAX_PARTS = 8_192
"""Brackets, braces and commas of one body. To parse and validate one takes about 3 µs on the event loop."""
MAX_HELD = 64 * 1024 * 1024
"""Bytes of bodies held at once, of everybody."""
MAX_HELD_EACH = 8 * 1024 * 1024
"""Bytes of bodies held at once, of one principal."""
FREE_BYTES = 64 * 1024
"""Every so many bytes of a body count as one request more."""
FREE_PARTS = 256
"""Every so many brackets, braces and commas count as one request more."""
IN_FLIGHT = 256
"""Requests of one principal at once; a `get_action` that waits is one."""
MAX_SLOWED = 512
"""Requests of one principal that are made to wait; more are refused at once."""
SLOWED_SECONDS = 2.0
"""The longest that a request waits for its turn, and how long a refusal takes."""
MAX_KNOWN = 10_000
"""Principals remembered; the one that was quiet for longest is forgotten first."""


class Rejection(Exception):
    """Not now: the HTTP status, and after how many seconds it may go."""

    def __init__(self, status: int, sentence: str, after: int = 1) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.after = after


@dataclass(slots=True)
class _Use:
    tokens: float
    at: float
    in_flight: int = 0
    slowed: int = 0
    held: int = 0


class Admission:
    """A token bucket, a count of requests and a count of bytes for each principal. `rate` 0 is without a bound."""

    def __init__(self, rate: int, patience: float) -> None:
        self._rate = rate
        self.patience = patience
        """Seconds that a body may take to arrive."""
        self._uses: OrderedDict[str, _Use] = OrderedDict()
        self._held = 0

    @asynccontextmanager
    async def admitted(self, principal: str) -> AsyncIterator[None]:
        """One request of a principal, in its turn; raises `Rejection` (429)."""
        use = self._use(principal)
        turn = self._turn(use)
        if turn > SLOWED_SECONDS:  # guard: share of requests
            use.tokens += 1
            await self._slowed(use, SLOWED_SECONDS)
            raise Rejection(429, f"more than {self._rate} requests a second")
        if use.in_flight >= IN_FLIGHT:
            await self._slowed(use, SLOWED_SECONDS)
            raise Rejection(429, f"more than {IN_FLIGHT} requests at once")
        use.in_flight += 1
        try:
            if turn > 0:
                await asyncio.sleep(turn)
            yield
        finally:
            use.in_flight -= 1

    @contextmanager
    def holding(self, principal: str, size: int) -> Iterator[None]:
        """So many bytes more of a body; raises `Rejection` (503) where that is too much to hold."""
        use = self._use(principal)
        if use.held + size > MAX_HELD_EACH or self._held + size > MAX_HELD:  # guard: share of bytes
            raise Rejection(503, "too many bytes on their way at once")
        use.held += size
        self._held += size
        if self._rate:
            use.tokens -= size / FREE_BYTES
        try:
            yield
        finally:
            use.held -= size
            self._held -= size

    def weigh(self, principal: str, body: bytes) -> None:
        """Charge a body by what it costs to parse, before it is parsed; raises `Rejection` (413) above `MAX_PARTS`.

        The count takes text in strings for structure too, so that it never counts too few.
        """
        parts = body.count(b"{") + body.count(b"[") + body.count(b",")
        if self._rate:
            self._use(principal).tokens -= parts / FREE_PARTS  # guard: what a body costs to parse
        if parts > MAX_PARTS:  # guard: parts of a body
            raise Rejection(413, f"more than {MAX_PARTS} lists, objects and members in one request")

    async def _slowed(self, use: _Use, seconds: float) -> None:
        if use.slowed >= MAX_SLOWED:
            return
        use.slowed += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            use.slowed -= 1

    def _use(self, principal: str) -> _Use:
        use = self._uses.get(principal)
        if use is None:
            while len(self._uses) >= MAX_KNOWN:
                self._uses.popitem(last=False)
            use = self._uses[principal] = _Use(2.0 * self._rate, time.monotonic())
        self._uses.move_to_end(principal)
        return use

    def _turn(self, use: _Use) -> float:
        """Take a token; the seconds until it is there."""
        if not self._rate:
            return 0.0
        now = time.monotonic()
        use.tokens = min(2.0 * self._rate, use.tokens + (now - use.at) * self._rate) - 1
        use.at = now
        return max(0.0, -use.tokens / self._rate)
