"""What a client of httpx2 would do by itself and its transport does not, and the bytes that it sends instead."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.http.sigv4 import AccessKey, signed
from contracts.action.http_request import HttpRequest
from contracts.compiler.expressions import Fault
from tests.adapters.raw_server import answer, raw_server
from tests.adapters.requests import adapter_for, execute, look, order_for, release_for

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
REDIRECTS = (301, 302, 303, 307, 308)


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("where", ["here", "there"])
async def test_a_redirect_is_answered_as_it_is_and_not_followed(status: int, where: str) -> None:
    async with raw_server(answer(200)) as (elsewhere, followed):
        to = "/v1/moved" if where == "here" else f"http://127.0.0.1:{elsewhere}/v1/moved"
        async with raw_server(answer(status, extra=b"Location: %s\r\n" % to.encode())) as (port, seen):
            release = release_for(port)
            execution = await execute(release)
            assert execution.response is not None
            assert (execution.response.status, execution.response.headers["location"]) == (status, to)
            adapter = adapter_for(release)
            reading = await look(adapter, release)
            await adapter.close()
            assert isinstance(reading, Fault)
            assert f"answered {status}" in reading.sentence
            assert [request[:4] for request in seen] == [b"PUT ", b"GET "]
    assert followed == []


@pytest.mark.parametrize("to", [b"//[xn--ls8h", b"//-1xn--/", b"http://h:x/", b"\xff\xfe", b"", b"x:y"])
async def test_where_a_redirect_leads_is_not_even_read(to: bytes) -> None:
    async with raw_server(answer(302, extra=b"location: %s\r\n" % to)) as (port, _):
        execution = await execute(release_for(port))
    assert (execution.delivery, execution.fault) == ("in_doubt", None)
    assert execution.response is not None
    assert execution.response.headers["location"] == to.decode("latin-1")


async def test_a_cookie_is_not_sent_back() -> None:
    cookies = b"set-cookie: session=s3cret; path=/\r\nset-cookie: other=x; domain=127.0.0.1\r\n"
    async with raw_server(answer(200, b'{"id":"r1"}', cookies)) as (port, seen):
        release = release_for(port)
        adapter = adapter_for(release)
        for _ in range(2):
            await look(adapter, release)
            execution = await adapter.execute(order_for(release))
        await adapter.close()
    assert execution.delivery == "answered"
    assert len(seen) == 4
    assert [request for request in seen if b"cookie" in request.lower()] == []


@pytest.mark.parametrize("without", ["", "example.com"])
async def test_the_environment_changes_nothing(without: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ann password s3cret\n")
    async with raw_server(answer(502)) as (proxy, taken), raw_server(answer(200)) as (port, seen):
        for name in PROXIES:
            monkeypatch.setenv(name, f"http://ann:s3cret@127.0.0.1:{proxy}")
        monkeypatch.setenv("NO_PROXY", without)
        monkeypatch.setenv("no_proxy", without)
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        monkeypatch.setenv("HOME", str(tmp_path))
        release = release_for(port)
        assert (await execute(release)).delivery == "answered"
        adapter = adapter_for(release)
        assert not isinstance(await look(adapter, release), Fault)
        await adapter.close()
    assert taken == []
    assert [request.split(b" ")[1] for request in seen] == [b"/v1/records/r1"] * 2
    assert b"authorization" not in b"".join(seen).lower()


@pytest.mark.parametrize("warm", [False, True])
async def test_a_write_whose_connection_ends_before_the_answer_is_sent_once(warm: bool) -> None:
    """On a new connection, and on one that answered before."""
    writes = 0

    async def ends(writer: asyncio.StreamWriter) -> None:
        nonlocal writes
        if seen[-1].startswith(b"GET "):
            return await answer(200, b'{"id":"r1"}')(writer)
        writes += 1
        writer.close()

    async with raw_server(ends) as (port, seen):
        release = release_for(port)
        adapter = adapter_for(release)
        if warm:
            assert not isinstance(await look(adapter, release), Fault)
        execution = await adapter.execute(order_for(release, seconds=5))
        await adapter.close()
    assert (execution.delivery, execution.fault) == ("in_doubt", "remoteprotocolerror")
    assert writes == 1


async def test_a_retired_adapter_sends_nothing() -> None:
    async with raw_server(answer(200)) as (port, seen):
        release = release_for(port)
        adapter = adapter_for(release)
        await adapter.close()
        execution = await adapter.execute(order_for(release))
        reading = await look(adapter, release)
    assert (execution.delivery, execution.fault) == ("not_sent", "closed")
    assert isinstance(reading, Fault)
    assert seen == []


async def test_a_host_that_is_none_is_not_sent_to() -> None:
    execution = await execute(release_for(0, base_url="http://127.0.0.400:1/v1"))
    assert (execution.delivery, execution.fault) == ("not_sent", "invalidurl")


async def test_a_write_byte_for_byte() -> None:
    async with raw_server(answer(200)) as (port, seen):
        await execute(release_for(port))
    assert seen == [
        b"PUT /v1/records/r1 HTTP/1.1\r\n"
        b"host: 127.0.0.1:%d\r\n"
        b"accept-encoding: gzip\r\n"
        b"accept: application/json\r\n"
        b"content-type: application/json\r\n"
        b"if-match: 1\r\n"
        b"content-length: 15\r\n"
        b"\r\n"
        b'{"value":"new"}' % port
    ]


async def test_a_read_byte_for_byte() -> None:
    async with raw_server(answer(200)) as (port, seen):
        release = release_for(port)
        adapter = adapter_for(release)
        await look(adapter, release)
        await adapter.close()
    assert seen == [
        b"GET /v1/records/r1 HTTP/1.1\r\n"
        b"host: 127.0.0.1:%d\r\n"
        b"accept-encoding: gzip\r\n"
        b"accept: application/json\r\n"
        b"\r\n" % port
    ]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_write_without_a_body_says_so(method: str) -> None:
    async with raw_server(answer(200)) as (port, seen):
        http = HttpRequest(method, f"http://127.0.0.1:{port}/v1/x", (), b"")
        await execute(release_for(port), http=http)
    assert seen == [
        b"%s /v1/x HTTP/1.1\r\nhost: 127.0.0.1:%d\r\naccept-encoding: gzip\r\ncontent-length: 0\r\n\r\n"
        % (method.encode(), port)
    ]


@pytest.mark.parametrize(
    "target",
    [
        "/v1/a%2Fb%2f%41",
        "/v1//a//",
        "/v1/a;b=1/c;d",
        "/v1/a?",
        "/v1/a?x=%20+y&x=&&z",
        "/v1/a?q=/../b?c",
        "/v1/./a/../b",
        "/v1/%zz/100%",
        "/v1/{a}|^[b]`'\"<>\\",
        "/v1/:@!$&'()*+,=~-._",
    ],
)
async def test_a_target_is_sent_byte_for_byte(target: str) -> None:
    async with raw_server(answer(200)) as (port, seen):
        http = HttpRequest("PUT", f"http://127.0.0.1:{port}{target}", (), b"")
        execution = await execute(release_for(port), http=http)
    assert execution.delivery == "answered", execution
    assert seen[0].split(b" ")[1] == target.encode()


async def test_a_user_in_the_base_url_is_not_sent() -> None:
    async with raw_server(answer(200)) as (port, seen):
        release = release_for(port, base_url=f"http://:s3cret@LOCALHOST:{port}/v1")
        execution = await execute(release)
    assert execution.delivery == "answered"
    assert b"\r\nhost: localhost:%d\r\n" % port in seen[0]
    assert b"authorization" not in seen[0].lower()


async def test_what_is_signed_is_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature of AWS covers `Host`, in the form in which it is sent."""
    monkeypatch.setenv("AWS_KEY", "AKIDEXAMPLE:secret")
    async with raw_server(answer(200)) as (port, seen):
        release = release_for(
            port,
            base_url=f"http://LOCALHOST:{port}/v1",
            auth="sigv4",
            region="eu-west-1",
            service="iam",
            write="env:AWS_KEY",
        )
        await execute(release)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    sent = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:])
    now = datetime.strptime(sent["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    again = signed(
        "PUT",
        f"http://elsewhere{head.split(b' ')[1].decode()}",
        {name: sent[name] for name in ("host", "content-type")},
        body,
        AccessKey("AKIDEXAMPLE", "secret", None),
        ("eu-west-1", "iam"),
        now,
    )
    assert sent["authorization"] == again["authorization"]
