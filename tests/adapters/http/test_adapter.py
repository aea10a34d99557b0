"""The HTTP adapter against real sockets that misbehave: bounded, never redirected, honest about what was sent."""

import asyncio
import gzip
import time
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.browser.account_session import BrowserSessions
from adapters.browser.adapter import BrowserAdapter
from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings
from adapters.credentials.cache import Credentials
from adapters.http.adapter import HttpAdapter
from adapters.http.answer import MAX_ANSWER
from adapters.mcp.adapter import McpAdapter
from adapters.mcp.pool import Servers
from adapters.python.adapter import PythonAdapter
from adapters.python.pool import Hosts
from adapters.router import AdapterRouter
from contracts.action.dispatch import Dispatch, ReadPermit
from contracts.action.http_request import render_route
from contracts.compiler.expressions import Fault
from contracts.compiler.read_program import Read
from policies.release import Release
from server.workspace.free_port import free_port
from tests.adapters.raw_server import answer, raw_server
from tests.adapters.requests import Open, adapter_for, execute, look, order_for, release_for, request_for
from tests.slowness import scaled


class Closed:
    def enter(self, dispatch: Dispatch) -> str | None:
        return "closed"


def systems(release: Release) -> AdapterRouter:
    reach = (release, Open(), Credentials(Path("/")), lambda: 0)
    return AdapterRouter(
        release,
        HttpAdapter(*reach),
        BrowserAdapter(*reach, BrowserSessions(Chromium(BrowserSettings()))),  # type: ignore[arg-type]
        McpAdapter(release, Open(), lambda: 0, Servers(Credentials(Path("/")))),  # type: ignore[arg-type]
        PythonAdapter(release, Open(), lambda: 0, Hosts(Credentials(Path("/")))),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        (200, "answered"),
        (401, "refused"),
        (403, "refused"),
        (302, "in_doubt"),
        (404, "rejected"),
        (410, "rejected"),
        (422, "rejected"),
        (408, "in_doubt"),
        (409, "in_doubt"),
        (425, "in_doubt"),
        (429, "in_doubt"),
        (503, "in_doubt"),
    ],
)
async def test_what_an_answer_means(status: int, delivery: str) -> None:
    async with raw_server(
        answer(status, extra=b"location: http://127.0.0.1:1/elsewhere\r\nretry-after: 99999\r\n")
    ) as (port, seen):
        execution = await execute(release_for(port))
        assert execution.delivery == delivery
        assert len(seen) == 1
        assert execution.retry_after_ms == 30_000


async def test_headers_of_a_connection_go_with_its_requests() -> None:
    headers = (("accept", "text/csv"), ("xero-tenant-id", "t-1"))
    async with raw_server(answer(200)) as (port, seen):
        release = release_for(port, headers=headers)
        adapter = adapter_for(release)
        await look(adapter, release)
        await adapter.close()
        await execute(release)
    for request in seen:
        lines = request.split(b"\r\n")
        assert b"xero-tenant-id: t-1" in lines
        # the request names this one itself
        assert [line for line in lines if line.startswith(b"accept:")] == [b"accept: application/json"]


async def test_not_one_byte_is_not_sent() -> None:
    execution = await execute(release_for(free_port()))
    assert execution.delivery == "not_sent"


async def test_a_closed_gate_sends_nothing() -> None:
    async with raw_server(answer(200)) as (port, seen):
        execution = await execute(release_for(port), Closed())
        assert (execution.delivery, execution.fault) == ("not_sent", "closed")
        assert seen == []


async def test_another_target_instance_sends_nothing() -> None:
    async with raw_server(answer(200)) as (port, seen):
        release = release_for(port)
        request = request_for(release)
        adapter = HttpAdapter(release, Open(), Credentials(Path("/")), lambda: 0)
        http = render_route(
            release.catalog.programs["put_record"].routes[0], f"http://127.0.0.1:{port}/other",
            {"inputs.record": "r1", "inputs.value": "new", "before.record": {"version": "1"}}, frozenset(),
        )  # fmt: skip
        assert not isinstance(http, Fault)
        order = Dispatch(
            "a",
            request,
            request.action_digest,
            request.target_digest,
            1,
            1,
            0,
            1,
            1,
            0,
            time.monotonic() + 1,
            "k",
            1,
            http,
        )
        assert (await adapter.execute(order)).delivery == "not_sent"
        elsewhere = replace(order, target_digest="0" * 64)
        assert (await adapter.execute(elsewhere)).delivery == "not_sent"
        await adapter.close()
        assert seen == []


async def test_a_dripping_answer_ends_at_the_total_deadline() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw_server(drip) as (port, _):
        execution = await asyncio.wait_for(execute(release_for(port), seconds=0.4), scaled(30))
        assert execution.delivery == "in_doubt"


@pytest.mark.parametrize("packed", [False, True])
async def test_a_huge_answer_is_cut_off_also_after_decompression(packed: bool) -> None:
    body = b" " * (MAX_ANSWER + 1)
    extra = b"content-encoding: gzip\r\n" if packed else b""
    async with raw_server(answer(200, gzip.compress(body) if packed else body, extra)) as (port, _):
        assert (await execute(release_for(port))).delivery == "in_doubt"


async def test_a_packed_answer_is_read() -> None:
    async with raw_server(answer(200, gzip.compress(b'{"a":1}'), b"content-encoding: gzip\r\n")) as (port, _):
        execution = await execute(release_for(port))
        assert execution.response is not None
        assert execution.response.body == {"a": 1}


@pytest.mark.parametrize(
    ("handle", "words"),
    [
        (answer(200, b"no json"), "no JSON"),
        (answer(500), "answered 500"),
        (answer(302, extra=b"location: /x\r\n"), "answered 302"),
        (answer(200, b'{"id":"admin\\u0000x"}'), "NUL"),
        (answer(200, b"{}", b"content-encoding: br\r\n"), "could not be read"),
    ],
)
async def test_a_look_that_is_no_look(handle: object, words: str) -> None:
    async with raw_server(handle) as (port, _):
        release = release_for(port)
        adapter = systems(release)
        seen = await adapter.observe(ReadPermit(request_for(release), time.monotonic() + 1))
        await adapter.close()
        assert not seen.ok
        assert words in (seen.fault or "")


async def test_a_read_is_tried_again_on_a_dead_connection() -> None:
    count = 0

    async def once_dead(writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count == 1:
            writer.close()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + b'{"id":"r"}')

    async with raw_server(once_dead) as (port, _):
        release = release_for(port)
        adapter = systems(release)
        seen = await adapter.observe(ReadPermit(request_for(release), time.monotonic() + 1))
        await adapter.close()
        assert seen.ok
        assert count == 2


class Printer:
    """A source of secrets that counts how often it is read."""

    says = b"one"
    asked = 0

    def read(self, name: str) -> bytes:
        self.asked += 1
        return self.says


async def write_only_two(writer: asyncio.StreamWriter, head: bytes) -> None:
    status, body = (200 if b"two" in head else 401), b'{"value": "old", "version": "1"}'
    writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))


@pytest.mark.parametrize(("renewed", "status", "requests"), [(b"one", 401, 1), (b"two", 200, 2), (b"six", 401, 2)])
async def test_a_read_whose_credential_is_refused_is_sent_once_more_with_the_renewed_one(
    tmp_path: Path, renewed: bytes, status: int, requests: int
) -> None:
    known: dict[str, list[bytes]] = {}
    async with raw_server(lambda writer: write_only_two(writer, known["seen"][-1])) as (port, known["seen"]):
        printer = Printer()
        credentials = Credentials(tmp_path, sources={"exec": printer})
        release = release_for(port, read="exec:a", write="exec:b")
        adapter = HttpAdapter(release, Open(), credentials, lambda: 0)  # type: ignore[arg-type]
        assert (await credentials.value("exec:a"), await credentials.value("exec:b")) == ("one", "one")
        printer.says = renewed
        read, target = release.catalog.programs["put_record"].reads[0], release.targets["records"]
        assert isinstance(read, Read)
        found = await adapter.read(read, target, {"inputs.record": "r1"}, time.monotonic() + scaled(5))
        assert (getattr(found, "status", 401), len(known["seen"]), printer.asked) == (status, requests, 3)
        # the write credential is read again before its next use, since both are often renewed together
        assert await credentials.value("exec:b") == renewed.decode()
        await adapter.close()
        await credentials.close()


async def test_a_write_that_is_refused_is_not_sent_again_and_the_next_one_has_the_renewed_credential(
    tmp_path: Path,
) -> None:
    known: dict[str, list[bytes]] = {}
    async with raw_server(lambda writer: write_only_two(writer, known["seen"][-1])) as (port, known["seen"]):
        printer = Printer()
        credentials = Credentials(tmp_path, sources={"exec": printer})
        release = release_for(port, write="exec:b")
        adapter = HttpAdapter(release, Open(), credentials, lambda: int(time.time() * 1000))  # type: ignore[arg-type]
        await credentials.value("exec:b")
        printer.says = b"two"
        ends = [(await adapter.execute(order_for(release, scaled(5)))).delivery for _ in range(2)]
        assert (ends, len(known["seen"])) == (["refused", "answered"], 2)
        await adapter.close()
        await credentials.close()
