"""An HTTP server that ends answers whoever has asked, or is about to; ports taken later are none that are given away."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from server.listener.http_server import listen, serving
from server.workspace.free_port import free_port
from tests.slowness import scaled

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.settimeout(scaled(20))
        yield made


async def answered(client: socket.socket) -> bytes:
    return await asyncio.to_thread(client.recv, 4096)


async def test_a_connection_that_waits_when_the_server_ends_is_answered() -> None:
    port, clients = free_port(), contextlib.ExitStack()
    made: list[socket.socket] = []

    async def connect_at_every_turn() -> None:
        """So that one falls between the last accept of the loop and the close."""
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                made.append(clients.enter_context(socket.create_connection(("127.0.0.1", port), scaled(20))))
                made[-1].sendall(ASK)
                await asyncio.sleep(0)

    with clients:
        async with serving(PlainTextResponse("here"), [listen("127.0.0.1", port)], "off"):
            connecting = asyncio.create_task(connect_at_every_turn())
        await connecting
        assert made
        for client in made:
            assert (await answered(client)).startswith(b"HTTP/1.1 200")


async def test_whoever_has_just_connected_when_the_server_ends_is_answered(client: socket.socket) -> None:
    port, end = free_port(), asyncio.Event()

    async def served() -> None:
        async with serving(PlainTextResponse("here"), [listen("127.0.0.1", port)], "off"):
            end.set()
            # connections are accepted in their order: this one's answer comes after the other was accepted
            client.connect(("127.0.0.1", port))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(ASK)
            await reader.readline()
            writer.close()

    serve = asyncio.create_task(served())
    await end.wait()
    while not serve.done() and await listens(port):
        await asyncio.sleep(0)
    client.sendall(ASK)
    assert (await answered(client)).startswith(b"HTTP/1.1 200")
    await serve


async def listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


def test_a_free_port_is_no_ports_of_connections_that_go_out() -> None:
    range_ = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(range_.read_text().split()[0]) if range_.exists() else 32_768
    ports = [free_port() for _ in range(500)]
    assert len(set(ports)) == 500
    assert max(ports) < first
    for port in ports[:20]:
        socket.create_server(("127.0.0.1", port)).close()
