"""The wall around a browser: a SOCKS 5 relay on loopback (RFC 1928) that reaches the listed origins and nothing else.

Whatever a page does (redirects, frames, workers, sockets, prefetch) goes through its context's wall.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

Place = tuple[str, int]
_ANSWER = b"\x05%c\x00\x01\x00\x00\x00\x00\x00\x00"
_OK, _NOT_ALLOWED, _UNREACHABLE, _NO_COMMAND = 0, 2, 4, 7
_CONNECT = 1
_CHUNK = 64 * 1024


def place_of(url: str) -> Place | None:
    """Host and port of an http(s) URL; None for any other."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


async def accept_no_more(servers: Iterable[asyncio.Server]) -> None:
    """Before they are closed: a closed server of CPython forgets, open, what it just accepted (its issue 109564)."""
    for server in servers:
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening)
    await asyncio.sleep(0)


class SocksProxy:
    """One relay for one set of places."""

    def __init__(self, urls: Iterable[str]) -> None:
        self.places = frozenset(place for url in urls if (place := place_of(url)))
        self.refused = 0
        self._server: asyncio.Server | None = None
        self._opening = asyncio.Lock()
        self._relays: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> str:
        """Listen on a free port of 127.0.0.1; returns the proxy's URL."""
        async with self._opening:  # two first users at once are given the same one
            if self._server is None:
                # not serving yet: whoever is cancelled while it begins would leave a server that nobody knows
                begun = await asyncio.start_server(self._accepted, "127.0.0.1", 0, start_serving=False)
                self._server = begun
                await begun.start_serving()
            port: int = self._server.sockets[0].getsockname()[1]
        return f"socks5://127.0.0.1:{port}"

    async def close(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            server, self._server = self._server, None
            await accept_no_more([server])
            server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # to close would wait for whoever does not read any more
        self._writers.clear()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            writer.transport.abort()
            return
        self._writers.add(writer)  # also of a relay that is cancelled before it begins
        relay = asyncio.create_task(self._serve(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), self._kept(writer):
            place = await _asked(reader, writer)
            if place is None:
                writer.write(_ANSWER % _NO_COMMAND)
            elif place not in self.places:  # guard: the wall
                self.refused += 1
                writer.write(_ANSWER % _NOT_ALLOWED)
            else:
                await self._relay(place, reader, writer)
            await writer.drain()

    async def _relay(self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*place)
        except OSError:
            writer.write(_ANSWER % _UNREACHABLE)
            return
        with self._kept(far_writer):
            writer.write(_ANSWER % _OK)
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    @contextlib.contextmanager
    def _kept(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        """Close it at the end; whoever still has something on its way then is known until it is gone."""
        self._writers = {known for known in self._writers if not _gone(known)} | {writer}
        try:
            yield
        finally:
            writer.close()


def _gone(writer: asyncio.StreamWriter) -> bool:
    return writer.transport.is_closing() and not writer.transport.get_write_buffer_size()


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Place | None:
    """The place of a CONNECT request, after the greeting (RFC 1928 sections 3 and 4)."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\x05\x00")
    _, command, _, kind = await reader.readexactly(4)
    if kind == 1:
        host = ".".join(str(byte) for byte in await reader.readexactly(4))
    elif kind == 3:
        (length,) = await reader.readexactly(1)
        host = (await reader.readexactly(length)).decode("ascii", "replace").lower()
    else:
        return None
    port = int.from_bytes(await reader.readexactly(2), "big")
    return (host, port) if command == _CONNECT else None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
