"""The relay of bytes: it lets everything through but what one fault does to the first write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from contracts.errors import AilyusError
from server.contract_testing.tcp_relay import AGAIN, Relay, relayed
from tests.adapters.raw_server import answer, raw_server
from tests.slowness import scaled
from tests.until import until

REQUEST = b"PUT /x HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"
BODY = b'{"done": true}'


@asynccontextmanager
async def between() -> AsyncIterator[tuple[Relay, list[bytes]]]:
    """A relay before a server, and what arrives there."""
    async with (
        raw_server(answer(200, BODY)) as (port, seen),
        relayed(f"http://127.0.0.1:{port}") as (relay, _),
    ):
        yield relay, seen


async def ask(relay: Relay, *, writes: bool = True, request: bytes = REQUEST) -> bytes:
    """One request, and what came back until the answer was whole or the connection ended."""
    relay.writing = writes
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.own)
    got = b""
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(scaled(10)):
            while not got.endswith(BODY) and (more := await reader.read(65536)):
                got += more
    except ConnectionError:
        pass
    finally:
        relay.writing = False
        writer.transport.abort()
    return got


async def test_without_a_fault_every_byte_passes() -> None:
    async with between() as (relay, seen):
        relay.begin("none")
        assert (await ask(relay)).endswith(BODY)
        assert seen == [REQUEST]
        assert (relay.reached, relay.note) == (True, "")


@pytest.mark.parametrize(
    ("fault", "arrived", "came"),
    [("lost request", 0, False), ("lost reply", 1, False)],
)
async def test_what_is_lost_is_lost_once(fault: str, arrived: int, came: bool) -> None:
    async with between() as (relay, seen):
        relay.begin(fault)
        assert bool(await ask(relay)) is came
        assert len(seen) == arrived
        assert relay.reached is bool(arrived)
        assert await ask(relay, writes=False)  # a read goes through
        assert len(seen) == arrived + 1


async def test_what_hangs_is_done_and_is_not_answered() -> None:
    async with between() as (relay, seen):
        relay.begin("hang")
        asked = asyncio.create_task(ask(relay))
        await until(lambda: relay.reached and seen)
        assert await asyncio.wait([asked], timeout=0.1) == (set(), {asked})
        asked.cancel()


async def test_half_of_a_reply_is_half() -> None:
    async with between() as (relay, _):
        relay.begin("none")
        whole = await ask(relay)
        relay.begin("half a reply")
        assert await ask(relay) == whole[: len(whole) // 2]


async def test_a_late_effect_comes_after_the_cut() -> None:
    async with between() as (relay, seen):
        relay.begin("late effect")
        assert await ask(relay) == b""
        assert (seen, relay.reached) == ([], False)
        await asyncio.gather(*relay.later)
        assert seen == [REQUEST]


async def test_an_adapter_that_sends_again_by_itself_is_noted() -> None:
    async with between() as (relay, seen):
        relay.begin("lost reply")
        await ask(relay)
        relay.writing = True
        await ask(relay)
        assert relay.note == AGAIN
        assert len(seen) == 2


async def test_a_look_before_the_write_meets_no_fault() -> None:
    async with between() as (relay, seen):
        relay.begin("lost reply")
        look = b"GET /key HTTP/1.1\r\n\r\n"
        assert (await ask(relay, request=look)).endswith(BODY)
        assert (relay.is_struck, relay.reached) == (False, False)
        assert await ask(relay) == b""
        assert (relay.is_struck, relay.note, seen) == (True, "", [look, REQUEST])


async def test_a_shut_relay_refuses_and_listens_again_on_the_same_port() -> None:
    async with between() as (relay, _):
        port = relay.own
        await relay.shut()
        with pytest.raises(OSError):
            await ask(relay)
        await relay.listen()
        assert relay.own == port
        relay.begin("none")
        assert await ask(relay)


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "ldaps://127.0.0.1:636", "http://127.0.0.1", "ldap:///x"])
async def test_where_nothing_can_stand_between_it_says_so(url: str) -> None:
    with pytest.raises(AilyusError, match="nothing can stand between") as fault:
        async with relayed(url):
            pass
    assert fault.value.code == "bad_settings"
