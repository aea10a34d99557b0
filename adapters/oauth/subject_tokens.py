"""The subject tokens of token exchange (RFC 8693, section 2.1): people's own access tokens, as calls brought them.

`Agents` gives each token that it has verified, and `ClientTokens` sends it to the authorization server of a connection
with `grant = "token_exchange"`, in exchange for a token of that connection.

- A token MUST be held in memory alone, until its own end at most, and only where a connection exchanges one.
- It MUST go to the declared token endpoint and nowhere else: no log, no receipt, no store, no error.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

MAX_PEOPLE: Final = 10_000
"""Whose tokens are held: beyond that the one that came longest ago is forgotten."""


@dataclass(frozen=True, slots=True)
class SubjectToken:
    """One person's token. `at` is when it came, by the monotonic clock; `end` forgets it."""

    value: str = field(repr=False)
    at: float
    end: asyncio.TimerHandle = field(repr=False)


class SubjectTokens:
    """The youngest token of each person. A declared person belongs to one issuer, so the name says whose it is."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, SubjectToken] = OrderedDict()
        self.is_used = False
        """Does a connection exchange such tokens? Until one is declared none is held."""

    def keep(self, person: str, token: str, until: float) -> None:
        """Hold a token that was verified, until its end (seconds since the epoch)."""
        held = self._held.get(person)
        if not self.is_used or (held is not None and held.value == token):
            return
        self._forget(person)
        # by the clock of the wall once, then by the loop's: an end that is past forgets it at once
        seconds = max(0.0, until - time.time())
        end = asyncio.get_running_loop().call_later(seconds, self._forget, person)
        self._held[person] = SubjectToken(token, time.monotonic(), end)
        while len(self._held) > MAX_PEOPLE:
            self._forget(next(iter(self._held)))

    def of(self, person: str) -> SubjectToken | None:
        """The token of a person that holds now."""
        return self._held.get(person)

    def close(self) -> None:
        """Forget all of them."""
        for person in list(self._held):
            self._forget(person)

    def _forget(self, person: str) -> None:
        held = self._held.pop(person, None)
        if held is not None:
            held.end.cancel()
