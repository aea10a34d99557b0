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
from adapters.credentials import Credentials
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
from contracts.errors import AilyusError
from policies.release import Release
from server.workspace.free_port import free_port
from tests.adapters.raw_server import answer, raw_server
from tests.adapters.requests import Open, execute, release_for, request_for
from tests.slowness import scaled


class Closed:
    def enter(self, dispatch: Dispatch) -> str | None:
        return "closed"


def systems(release: Release) -> AdapterRouter:
    reach = (release, Open(), Path("/"), lambda: 0)
    return AdapterRouter(
        release,
        HttpAdapter(*reach),
        BrowserAdapter(*reach, BrowserSessions(Chromium(BrowserSettings()))),  # type: ignore[arg-type]
        McpAdapter(release, Open(), lambda: 0, Servers(Path("/"))),  # type: ignore[arg-type]
        PythonAdapter(release, Open(), lambda: 0, Hosts(Path("/"))),  # type: ignore[arg-type]
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
        adapter = HttpAdapter(release, Open(), Path("/"), lambda: 0)
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


def test_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("A_TOKEN", "from-env")
    credentials = Credentials(tmp_path)
    assert (credentials.value("file:token"), credentials.value("env:A_TOKEN"), credentials.value("none")) == (
        "s3cret",
        "from-env",
        None,
    )
    for bad in ("file:missing", "env:NOT_SET_ANYWHERE", "plain-secret"):
        with pytest.raises(AilyusError):
            credentials.value(bad)
