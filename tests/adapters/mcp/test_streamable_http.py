"""Streamable HTTP: no redirect is followed, nothing packed is read, and no answer is larger than its bound."""

import httpx2
import pytest

from adapters.mcp import streamable_http
from adapters.mcp.stream_budget import MAX_UNASKED, Loss, StreamBudget
from adapters.mcp.streamable_http import _Bounded
from tests.adapters.raw_server import Handler, answer, raw_server

EVENTS = b"content-type: text/event-stream\r\n"


async def asked(handle: Handler, talk: StreamBudget, method: str = "POST") -> httpx2.Response:
    async with raw_server(handle) as (port, _):
        async with httpx2.AsyncClient(transport=_Bounded(talk), trust_env=False) as http:
            return await http.request(method, f"http://127.0.0.1:{port}/mcp")


async def test_an_answer_is_read_whole() -> None:
    talk = StreamBudget()
    found = await asked(answer(200, b'{"a": 1}'), talk)
    assert (found.status_code, found.content) == (200, b'{"a": 1}')
    assert not talk.over.is_set()


@pytest.mark.parametrize("extra", [b"location: /other\r\n", b"content-encoding: gzip\r\n"])
async def test_a_redirect_or_a_packed_answer_is_none(extra: bytes) -> None:
    status = 302 if b"location" in extra else 200
    with pytest.raises(httpx2.RemoteProtocolError, match="a redirect, or a packed answer"):
        await asked(answer(status, b"x", extra), StreamBudget())


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_ends_the_session(status: int) -> None:
    talk = StreamBudget()
    await asked(answer(status), talk)
    assert talk.reason is Loss.REFUSED
    assert talk.over.is_set()


async def test_an_answer_that_is_too_large_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamable_http, "MAX_MESSAGE", 1000)
    talk = StreamBudget()
    assert len((await asked(answer(200, b"x" * 1000), talk)).content) == 1000
    with pytest.raises(httpx2.ReadError, match="too much"):
        await asked(answer(200, b"x" * 1001), talk)
    assert talk.reason is Loss.TOO_LARGE


async def test_each_event_has_the_bound_and_their_number_too(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = StreamBudget()
    with pytest.raises(httpx2.ReadError, match="too many messages"):
        await asked(answer(200, b"data: x\n\n" * (MAX_UNASKED + 1), EVENTS), talk)
    assert talk.reason is Loss.FLOODS
    monkeypatch.setattr(streamable_http, "MAX_MESSAGE", 1000)
    small = StreamBudget()
    with pytest.raises(httpx2.ReadError, match="too much"):
        await asked(answer(200, b"data: " + b"x" * 2000, EVENTS), small)
    assert small.reason is Loss.TOO_LARGE


async def test_only_what_we_post_begins_the_count_anew() -> None:
    talk = StreamBudget()
    for _ in range(MAX_UNASKED):
        talk.heard()
    await asked(answer(200), talk)
    assert talk.heard()
    for _ in range(MAX_UNASKED - 1):
        talk.heard()
    await asked(answer(200), talk, "GET")
    assert not talk.heard()
