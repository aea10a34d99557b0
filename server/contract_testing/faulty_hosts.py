"""Processes of adapters in Python, whose calls a relay disturbs by one fault at a time."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

import orjson
from pydantic import JsonValue

from adapters.credentials.cache import Credentials
from adapters.python.host import Call, HostReply
from adapters.python.pool import Hosts
from contracts.action.target import Target
from server.contract_testing.tcp_relay import CLAIMED, UNMET, Relay

_STALE_SECONDS: Final = 0.5


class FaultyHosts(Hosts):
    """Processes of adapters whose writes and reads a relay watches."""

    def __init__(self, credentials: Credentials, relay: Relay) -> None:
        super().__init__(credentials)
        self._relay = relay
        self._said: JsonValue = {}
        self._seen: dict[bytes, HostReply] = {}
        self._stale_until = 0.0

    async def ask(self, target: Target, reference: str, call: Call) -> HostReply:
        """Ask, with the fault of the moment."""
        relay, now = self._relay, asyncio.get_running_loop().time
        if urlsplit(target.base_url).port != relay.own:
            return await super().ask(target, reference, call)
        if call.do == "read":
            key = orjson.dumps([call.operation, call.arguments], option=orjson.OPT_SORT_KEYS)
            if now() < self._stale_until and key in self._seen:
                return self._seen[key]
            answer = await super().ask(target, reference, call)
            if not relay.sends:
                self._seen[key] = answer
            return answer
        relay.sends += 1
        if relay.fault == "lie":  # in the words that the adapter used when it was true, so that they look right
            return HostReply("answer", self._said)
        if relay.sends > 1:
            return await super().ask(target, reference, call)
        # the process that is to die is known only once it runs
        relay.victim = (await self.of(target, reference)).pid
        if relay.fault == "refused":  # a port that listens always takes the connection: only a shut one refuses
            await relay.shut()
        meets = relay.fault not in ("none", "twice", "stale read", "refused")
        relay.writing = meets
        try:
            answer = await super().ask(target, reference, call)
            if relay.fault == "twice":
                answer = await super().ask(target, reference, call)
        finally:
            relay.writing = False
            if relay.fault == "refused":
                await relay.listen()
        # INVARIANT 4: an adapter that says `not_sent` of bytes that left would have the action sent twice
        if answer.end == "not_sent" and relay.reached:
            relay.note = CLAIMED
        if meets and not relay.is_struck:
            relay.note = UNMET
        if answer.end == "answer" and relay.fault == "none":
            self._said = answer.value
        if relay.fault == "stale read":
            self._stale_until = now() + _STALE_SECONDS
        return answer
