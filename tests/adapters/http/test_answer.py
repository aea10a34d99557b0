"""Decoding within bounds, on streams that never end: what is refused is refused as soon as it shows."""

import asyncio
import gzip
import tracemalloc
import zlib

import httpx2
import pytest

from adapters.http.answer import MAX_ANSWER, fields_of
from contracts.compiler.expressions import Fault
from tests.adapters.raw_server import Handler, answer, raw_server
from tests.adapters.requests import adapter_for, execute, look, release_for
from tests.slowness import scaled

PIECE = 1024 * 1024


def unending(*pieces: bytes) -> Handler:
    """An answer of which these pieces come, and then nothing until the caller goes."""

    async def handle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1000000000\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
        await writer.wait_closed()

    return handle


def bomb(mib: int) -> bytes:
    """The beginning of a gzip stream that unpacks to so many MiB."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(PIECE)
    return b"".join(packer.compress(zeros) for _ in range(mib)) + packer.flush(zlib.Z_SYNC_FLUSH)


async def test_a_bomb_is_stopped_at_the_bound_and_never_held() -> None:
    packed = bomb(64)
    assert len(packed) < MAX_ANSWER / 32
    async with raw_server(unending(packed)) as (port, _):
        release = release_for(port)
        tracemalloc.start()
        execution = await execute(release, seconds=scaled(10))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (execution.delivery, execution.fault) == ("in_doubt", "toolarge")  # long before the deadline
    assert peak < 3 * MAX_ANSWER


@pytest.mark.parametrize(
    "pieces",
    [
        (gzip.compress(b"{}", mtime=0), bytes(MAX_ANSWER)),  # after the end
        (b"\x1f\x8b\x08\x08" + bytes(6), b"n" * (MAX_ANSWER + 1)),  # a file name without an end
    ],
)
async def test_packed_bytes_that_give_nothing_are_counted_too(pieces: tuple[bytes, ...]) -> None:
    async with raw_server(unending(*pieces)) as (port, _):
        execution = await execute(release_for(port), seconds=scaled(10))
    assert (execution.delivery, execution.fault) == ("in_doubt", "toolarge")


async def test_an_answer_of_exactly_the_bound_is_read() -> None:
    body = b'"' + b"x" * (MAX_ANSWER - 2) + b'"'
    for raw, extra in ((body, b""), (gzip.compress(body, 1, mtime=0), b"content-encoding: gzip\r\n")):
        async with raw_server(answer(200, raw, extra)) as (port, _):
            execution = await execute(release_for(port), seconds=scaled(10))
        assert execution.delivery == "answered"
        assert execution.response is not None
        assert execution.response.raw == body


@pytest.mark.parametrize(
    "extra",
    [
        b"content-encoding: br\r\n",
        b"content-encoding: zstd\r\n",
        b"content-encoding: deflate\r\n",
        b"content-encoding: unknown\r\n",
        b"content-encoding: gzip, gzip\r\n",
        b"content-encoding: gzip, unknown\r\n",
        b"content-encoding: gzip\r\ncontent-encoding: identity\r\n",
    ],
)
async def test_an_encoding_that_was_not_asked_for_is_refused(extra: bytes) -> None:
    async with raw_server(answer(200, zlib.compress(b'{"id":"r1"}'), extra)) as (port, seen):
        release = release_for(port)
        execution = await execute(release)
        adapter = adapter_for(release)
        reading = await look(adapter, release)
        await adapter.close()
    assert (execution.delivery, execution.fault) == ("in_doubt", "toolarge")
    assert isinstance(reading, Fault)
    assert "toolarge" in reading.sentence
    assert all(b"\r\naccept-encoding: gzip\r\n" in request for request in seen)


@pytest.mark.parametrize("raw", [b'{"id":"r1"}', gzip.compress(b"{}", mtime=0)[:-8] + bytes(8)])
async def test_a_broken_encoding_is_refused(raw: bytes) -> None:
    async with raw_server(answer(200, raw, b"content-encoding: gzip\r\n")) as (port, _):
        execution = await execute(release_for(port))
    assert (execution.delivery, execution.fault) == ("in_doubt", "toolarge")


async def test_an_identity_that_is_said_is_read() -> None:
    async with raw_server(answer(200, b'{"a":1}', b"content-encoding: identity\r\n")) as (port, _):
        execution = await execute(release_for(port))
    assert execution.response is not None
    assert execution.response.body == {"a": 1}


def test_several_links_in_several_lines_are_one_list() -> None:
    lines = [("Link", '<https://x.example/>; rel="self"'), ("Link", '<https://x.example/2>; rel="next"'), ("X", "1")]
    found = fields_of(httpx2.Response(200, headers=lines))
    assert found == {"link": '<https://x.example/>; rel="self", <https://x.example/2>; rel="next"', "x": "1"}
