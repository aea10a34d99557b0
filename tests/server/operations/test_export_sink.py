"""Receivers of exports: what counts as taken, as refused, and as to be tried again; a file loses no line and keeps none torn."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.operations.export_sink import BatchAnswer, BatchDeferred, BatchRefused, BatchTaken, FileSink, HttpSink
from tests.adapters.raw_server import answer, raw_server


async def _secret() -> str | None:
    return "s3cret"


async def put(port: int) -> BatchAnswer:
    sink = HttpSink(f"http://127.0.0.1:{port}/in", "authorization", "Splunk", _secret)
    try:
        return await sink.put([b'{"n":1}\n', b'{"n":2}\n'], 3, 4)
    finally:
        await sink.close()


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (200, BatchTaken()),
        (202, BatchTaken()),
        (307, BatchRefused("it answered 307")),
        (400, BatchRefused("it answered 400")),
        (401, BatchRefused("it answered 401")),
        (413, BatchRefused("it answered 413")),
        (429, BatchDeferred("it answered 429")),
        (503, BatchDeferred("it answered 503")),
    ],
)
async def test_what_an_answer_means(status: int, wanted: BatchAnswer) -> None:
    async with raw_server(answer(status, b"{}")) as (port, seen):
        assert await put(port) == wanted
    request = seen[0].lower()
    assert b"authorization: splunk s3cret" in request
    assert b"idempotency-key: 3-4" in request
    assert b"content-type: application/x-ndjson" in request


async def test_a_pause_that_is_asked_for_is_kept_within_bounds() -> None:
    for said, seconds in ((b"90", 90), (b"999999", 3600), (b"soon", 0)):
        async with raw_server(answer(429, b"", b"retry-after: " + said + b"\r\n")) as (port, _):
            assert await put(port) == BatchDeferred("it answered 429", seconds)


async def test_nobody_there_and_no_secret_are_tried_again() -> None:
    assert await put(1) == BatchDeferred("it was not reached")

    async def none() -> str | None:
        raise AilyusError("no_credential", "there is none")

    sink = HttpSink("http://127.0.0.1:1/", "authorization", "Bearer", none)
    assert await sink.put([b"{}\n"], 0, 0) == BatchDeferred("its secret cannot be read")
    await sink.close()


async def test_a_file_grows_line_by_line_and_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "out" / "log.jsonl"
    sink = FileSink(path, 20)
    assert await sink.put([b'{"n":1}\n'], 0, 0) == BatchTaken()
    assert path.stat().st_mode & 0o777 == 0o600
    # whoever was killed while it wrote left half a line
    with path.open("ab") as file:
        file.write(b'{"n":2')
    assert await sink.put([b'{"n":2}\n', b'{"n":3}\n'], 1, 2) == BatchTaken()
    assert not path.exists()
    assert (tmp_path / "out" / "log-2.jsonl").read_bytes() == b'{"n":1}\n{"n":2}\n{"n":3}\n'
    path.write_bytes(b"x" * 70_000)
    assert await FileSink(path, 100_000).put([b"{}\n"], 3, 3) == BatchTaken()
    assert path.read_bytes() == b"{}\n"


async def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    assert await FileSink(tmp_path / "out" / "log.jsonl", 9000).put([b"{}\n"], 0, 0) == BatchDeferred(
        "its file cannot be written: fileexistserror"
    )
