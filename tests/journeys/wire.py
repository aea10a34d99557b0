"""A wire between a gateway and a target that loses replies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def losing_wire(port: int) -> AsyncIterator[tuple[int, list[str]]]:
    """A TCP relay that loses the answer to the next request whose method is in the list."""
    lose: list[str] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(x.split(b":")[1]) for x in request.split(b"\r\n") if x.lower().startswith(b"content-length")), 0
            )
            request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            back.write(request + (await reader.readexactly(length) if length else b""))
            answer = await there.read()
            method = request.split(b" ")[0].decode()
            if method in lose:
                lose.remove(method)
            else:
                writer.write(answer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            back.close()
            writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], lose
    finally:
        server.close()
