"""How much of the gateway one principal may take at once, decided before anything of a request is parsed."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MAX_BODY = 4 * 1024 * 1024
"""Bytes of one request's body."""
MAX_HELD = 16 * MAX_BODY
"""Bytes of bodies held at once, of everybody."""
MAX_HELD_EACH = 2 * MAX_BODY
"""Bytes of bodies held at once, of one principal."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive."""
IN_FLIGHT = 128
"""Requests of one principal at once; a `get_action` that waits is one."""
MAX_KNOWN = 10_000
"""Principals remembered; the one that was quiet for longest is forgotten first."""


class Refused(Exception):
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
    held: int = 0


class Admission:
    """A token bucket, a count of requests and a count of bytes for each principal."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._uses: OrderedDict[str, _Use] = OrderedDict()
        self._held = 0

    @contextmanager
    def admitted(self, principal: str) -> Iterator[None]:
        """One request of a principal; raises `Refused` (429)."""
        use = self._use(principal)
        if self._rate and not self._takes(use):
            raise Refused(429, f"more than {self._rate} requests a second")
        if use.in_flight >= IN_FLIGHT:
            raise Refused(429, f"more than {IN_FLIGHT} requests at once")
        use.in_flight += 1
        try:
            yield
        finally:
            use.in_flight -= 1

    @contextmanager
    def holding(self, principal: str, size: int) -> Iterator[None]:
        """So many bytes more of a body; raises `Refused` (503) where that is too much to hold."""
        use = self._use(principal)
        if use.held + size > MAX_HELD_EACH or self._held + size > MAX_HELD:
            raise Refused(503, "too many bytes on their way at once")
        use.held += size
        self._held += size
        try:
            yield
        finally:
            use.held -= size
            self._held -= size

    def _use(self, principal: str) -> _Use:
        use = self._uses.get(principal)
        if use is None:
            while len(self._uses) >= MAX_KNOWN:
                self._uses.popitem(last=False)
            use = self._uses[principal] = _Use(self._burst, time.monotonic())
        self._uses.move_to_end(principal)
        return use

    def _takes(self, use: _Use) -> bool:
        now = time.monotonic()
        use.tokens = min(self._burst, use.tokens + (now - use.at) * self._rate)
        use.at = now
        if use.tokens < 1:
            return False
        use.tokens -= 1
        return True

    @property
    def _burst(self) -> float:
        return 2.0 * self._rate
