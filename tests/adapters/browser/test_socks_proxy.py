"""The wall: a relay that reaches the listed places and nothing else, whatever it is asked."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.browser.socks_proxy import SocksProxy, place_of
from server.workspace.free_port import free_port
from tests.adapters.raw_server import answer, raw_server
from tests.slowness import scaled


@asynccontextmanager
async def through(
    proxy: SocksProxy, place: tuple[str, int], command: int = 1, kind: int = 3
) -> AsyncIterator[tuple[int, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A request of a client (RFC 1928): its answer, and the stream behind it."""
    port = int((await proxy.open()).rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(scaled(10)):
            host, number = place
            writer.write(b"\x05\x01\x00")
            assert await reader.readexactly(2) == b"\x05\x00"
            told = socket.inet_aton(host) if kind == 1 else bytes([len(host)]) + host.encode()
            writer.write(bytes([5, command, 0, kind]) + told + number.to_bytes(2, "big"))
            answered = await reader.readexactly(10)
            yield answered[1], reader, writer
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://a.example/x", ("a.example", 443)),
        ("http://A.Example", ("a.example", 80)),
        ("https://a.example:8443", ("a.example", 8443)),
        ("http://[::1]:80/", ("::1", 80)),
        ("ftp://a.example", None),
        ("file:///etc/passwd", None),
        ("https://", None),
        ("a.example", None),
    ],
)
def test_the_place_of_a_url(url: str, place: tuple[str, int] | None) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize("kind", [1, 3])
async def test_a_listed_place_is_reached(kind: int) -> None:
    async with raw_server(answer(200, b"here")) as (port, seen):
        proxy = SocksProxy([f"http://127.0.0.1:{port}"])
        async with through(proxy, ("127.0.0.1", port), kind=kind) as (code, reader, writer):
            assert code == 0
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        await proxy.close()
    assert seen == [b"GET / HTTP/1.1\r\n\r\n"]
    assert proxy.refused == 0


async def test_no_other_place_is_reached() -> None:
    async with raw_server(answer(200)) as (port, seen):
        proxy = SocksProxy(["https://a.example", "http://127.0.0.1:1"])
        for place in (("127.0.0.1", port), ("localhost", port), ("a.example", 80), ("b.a.example", 443)):
            async with through(proxy, place) as (code, reader, _):
                assert code == 2
                assert await reader.read() == b""
        await proxy.close()
    assert seen == []
    assert proxy.refused == 4


async def test_what_is_no_connect_is_no_command() -> None:
    proxy = SocksProxy(["http://127.0.0.1:1"])
    for command, kind in ((2, 3), (3, 3)):
        async with through(proxy, ("127.0.0.1", 1), command, kind) as (code, _, _writer):
            assert code == 7
    await proxy.close()


async def test_a_place_that_is_away_is_unreachable() -> None:
    port = free_port()
    proxy = SocksProxy([f"http://127.0.0.1:{port}"])
    async with through(proxy, ("127.0.0.1", port)) as (code, _, _writer):
        assert code == 4
    await proxy.close()


async def test_two_first_users_at_once_are_given_the_same_wall_and_its_end_cuts_them() -> None:
    async with raw_server(answer(200)) as (port, _):
        proxy = SocksProxy([f"http://127.0.0.1:{port}"])
        one, other = await asyncio.gather(proxy.open(), proxy.open())
        assert one == other
        async with through(proxy, ("127.0.0.1", port)) as (code, reader, _writer):
            assert code == 0
            await proxy.close()
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
