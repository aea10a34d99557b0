"""What stands between an adapter in Python and its target when it is tried: a relay of bytes, one fault at a time."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from adapters.browser.socks_proxy import accept_no_more
from contracts.errors import AilyusError

ADAPTER_FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": "nothing is wrong",
        "refused": "nobody listens, once",
        "lost request": "what is sent vanishes, and the connection is cut",
        "lost reply": "it is done, and the connection is cut before the answer",
        "half a reply": "it is done, and half of the answer comes",
        "late effect": "the connection is cut, and it is done a moment later",
        "hang": "it is done, and no answer comes",
        "dies": "it is done, and the adapter's process dies before it has the answer",
        "lie": "the adapter says yes, and nothing is done",
        "stale read": "it is done, and reads show the former state for a while",
        "twice": "it is sent twice, and the second answer counts",
    }
)
_LATE_SECONDS: Final = 0.6
_QUIET_SECONDS: Final = 0.05
"""A request is whole when nothing more has come for so long: the relay does not know the protocol."""
AGAIN: Final = "it sent again by itself"
UNMET: Final = "it sent nothing that the fault could meet"
_LOOKS: Final = (b"GET ", b"HEAD ")
"""What an adapter looks at before it writes, as HTTP names it (RFC 9110, section 9.2.1): no fault is for that."""
CLAIMED: Final = "it said that nothing was sent"


@dataclass
class Relay:
    """Lets every byte through, but what one fault does to the first write."""

    host: str
    port: int
    own: int = 0
    fault: str = "none"
    sends: int = 0
    note: str = ""
    writing: bool = False
    reached: bool = False
    victim: int = 0
    effects: int = 0
    later: set[asyncio.Task[None]] = field(default_factory=set)
    _struck: object = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    def begin(self, fault: str) -> None:
        """The next fault."""
        self.fault, self.sends, self.note, self._struck, self.reached = fault, 0, "", None, False

    @property
    def is_struck(self) -> bool:
        """Has the fault met a write?"""
        return self._struck is not None

    async def listen(self) -> None:
        """Take connections, always on the same port."""
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", self.own, reuse_address=True)
        self.own = self._server.sockets[0].getsockname()[1]  # kept: the adapter knows this port already

    async def shut(self) -> None:
        """Take none, and end those that are open."""
        if self._server is not None:
            await accept_no_more([self._server])
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to_there = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_there}
        self._open |= both
        try:
            ways = {
                asyncio.create_task(self._forth(reader, to_there, writer)),
                asyncio.create_task(self._back(there, writer)),
            }
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._open -= both
            for one in both:
                one.transport.abort()

    async def _forth(
        self, reader: asyncio.StreamReader, there: asyncio.StreamWriter, here: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if not self.writing or data.startswith(_LOOKS):
                pass
            elif self._struck is None:
                data = await self._whole(reader, data)
                self._struck = here
                if self.fault == "lost request":
                    return
                if self.fault == "late effect":
                    task = asyncio.create_task(self._late(data))
                    self.later.add(task)
                    return
                self.reached = True
            elif self._struck is not here:
                self.note = AGAIN  # guard: sent again
            there.write(data)
            await there.drain()  # without it a peer that reads slowly fills this process

    async def _back(self, there: asyncio.StreamReader, here: asyncio.StreamWriter) -> None:
        while data := await there.read(65536):
            if self._struck is here:
                if self.fault == "lost reply":
                    return
                if self.fault == "dies":
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.victim, signal.SIGKILL)
                    return
                if self.fault == "half a reply":
                    here.write(data[: len(data) // 2])
                    await here.drain()
                    here.close()  # what was written is delivered first
                    return
                if self.fault == "hang":
                    continue
            here.write(data)
            await here.drain()

    async def _whole(self, reader: asyncio.StreamReader, data: bytes) -> bytes:
        with contextlib.suppress(TimeoutError):
            while more := await asyncio.wait_for(reader.read(65536), _QUIET_SECONDS):
                data += more
        return data

    async def _late(self, data: bytes) -> None:
        await asyncio.sleep(_LATE_SECONDS)
        there, to_there = await asyncio.open_connection(self.host, self.port)
        to_there.write(data)
        await to_there.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(there.read(65536), 1.0)
        to_there.close()


@asynccontextmanager
async def relayed(base_url: str) -> AsyncIterator[tuple[Relay, str]]:
    """A relay before a base URL, and the base URL that leads through it."""
    parts = urlsplit(base_url)
    if parts.scheme in ("https", "ldaps") or not parts.hostname or not parts.port:
        sentence = f"nothing can stand between the adapter and `{base_url}`"
        raise AilyusError(
            "bad_settings", sentence, hint="try it at a twin, without TLS and with its port in `base_url`"
        )
    relay = Relay(parts.hostname, parts.port)
    await relay.listen()
    try:
        yield relay, urlunsplit(parts._replace(netloc=f"127.0.0.1:{relay.own}"))
    finally:
        await relay.shut()
        await asyncio.gather(*relay.later)
