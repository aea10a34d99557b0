"""Decoding within bounds, on streams that never end: what is refused is refused as soon as it shows."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.http.answer import MAX_ANSWER, TooLarge, content_of, fields_of
from contracts.compiler.expressions import Fault
from tests.adapters.raw_server import Handler, answer, raw_server
from tests.adapters.requests import adapter_for, execute, look, release_for
from tests.slowness import scaled

PIECE = 1024 * 1024


class Pieces(httpx2.AsyncByteStream):
    """A body that comes in pieces of seven bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._raw), 7):
            yield self._raw[start : start + 7]


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


ROWS = b'[{"id":"r1"},{"id":"r2"}]\n'


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":"r1"}',
        gzip.compress(b"{}", mtime=0)[:-8] + bytes(8),
        gzip.compress(ROWS, mtime=0)[:-9],
        gzip.compress(ROWS, mtime=0)[:-8],  # all of the content, and nothing that says so
        gzip.compress(ROWS, mtime=0)[:-1],
        gzip.compress(ROWS, mtime=0)[:4],
        gzip.compress(b"id,name\nr1,a\n", mtime=0) + gzip.compress(b"r2,b\n", mtime=0),  # of which one would be read
    ],
)
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


async def test_a_packed_answer_without_a_byte_is_empty() -> None:
    async with raw_server(answer(204, b"", b"content-encoding: gzip\r\n")) as (port, _):
        execution = await execute(release_for(port))
    assert execution.response is not None
    assert (execution.response.status, execution.response.raw) == (204, b"")


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=30))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
def test_a_stream_that_was_cut_is_never_taken_for_a_whole_one(content: bytes, missing: int) -> None:
    packed = gzip.compress(content, mtime=0)

    async def read(raw: bytes) -> bytes:
        body = httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=Pieces(raw))
        return await content_of(body)

    assert asyncio.run(read(packed)) == content
    with pytest.raises(TooLarge):
        asyncio.run(read(packed[:-missing] if missing < len(packed) else packed[:1]))
