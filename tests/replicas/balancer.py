"""A load balancer for TCP that asks each replica for `/readyz` ten times a second, as a cluster's own does.

It looks at no request, so that a client's connection stays with the replica that it came to until one of the two closes
it: a replica that ends has to send its clients away by itself. That is harder than behind a proxy that takes each
request apart, and what a `Service` of Kubernetes is.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

LOOK_SECONDS = 0.1
_ASK = b"GET /readyz HTTP/1.1\r\nHost: balancer\r\nConnection: close\r\n\r\n"


class Balancer:
    """New connections go in turn to the replicas that are ready; one that refuses a connection is passed over.

    While none is ready, as may be on a busy machine, a connection waits.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._turns = itertools.cycle(ports)
        self._ports = ports
        self._ready: set[int] = set()
        self._relays: set[asyncio.Task[None]] = set()

    async def look(self) -> None:
        """For ever."""
        await asyncio.gather(*(self._follow(port) for port in self._ports))

    async def _follow(self, port: int) -> None:
        while True:
            change = self._ready.add if await says_yes(port) else self._ready.discard
            change(port)
            await asyncio.sleep(LOOK_SECONDS)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closed(writer):
            for port in self._turns:
                if port not in self._ready:
                    await asyncio.sleep(0.01)
                    continue
                with contextlib.suppress(OSError):
                    from_there, there = await asyncio.open_connection("127.0.0.1", port)
                    async with _closed(there):
                        await asyncio.gather(_pump(reader, there), _pump(from_there, writer))
                    return

    def accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.relay(reader, writer))
        self._relays.add(task)
        task.add_done_callback(self._relays.discard)

    async def close(self) -> None:
        for task in self._relays:
            task.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)


async def says_yes(port: int) -> bool:
    """Is the replica at this port ready?"""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async with _closed(writer):
                writer.write(_ASK)
                line = await reader.readline()
            return line.split(b" ")[1:2] == [b"200"]
    return False


@asynccontextmanager
async def _closed(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Whatever happens, it is closed afterwards."""
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, to its end: what one side closes is closed at the other."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


@asynccontextmanager
async def balancing(ports: Sequence[int], port: int) -> AsyncIterator[Balancer]:
    """A balancer at this port of 127.0.0.1."""
    made = Balancer(ports)
    server = await asyncio.start_server(made.accepted, "127.0.0.1", port)
    looking = asyncio.create_task(made.look())
    try:
        yield made
    finally:
        looking.cancel()
        server.close()
        await made.close()
        await asyncio.gather(looking, return_exceptions=True)
        await server.wait_closed()
