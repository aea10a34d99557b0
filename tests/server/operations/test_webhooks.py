"""Signed webhooks as Standard Webhooks 1.0.0 says, and only what was taken counts as delivered."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.operations.webhooks import client, delivered, signed_headers
from tests.adapters.raw_server import answer, raw_server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the specification's own example


def test_the_example_of_the_specification() -> None:
    body = b'{"test": 2432232314}'
    headers = signed_headers(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_999, body)
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()), st.binary(max_size=30))
def test_any_text_may_be_a_secret(secret: str, body: bytes) -> None:
    if secret.startswith("whsec_"):
        return
    said = signed_headers(secret, "esc_1", 5_000, body)["webhook-signature"].removeprefix("v1,")
    assert base64.b64decode(said) == hmac.digest(secret.encode(), b"esc_1.5." + body, hashlib.sha256)


def test_a_text_that_only_looks_like_a_coded_secret_is_taken_as_it_stands() -> None:
    said = signed_headers("whsec_abcd!efgh", "a", 0, b"")["webhook-signature"].removeprefix("v1,")
    assert base64.b64decode(said) == hmac.digest(b"whsec_abcd!efgh", b"a.0.", hashlib.sha256)


@pytest.mark.parametrize(("status", "taken"), [(200, True), (204, True), (404, False), (503, False)])
async def test_only_a_success_is_a_delivery(status: int, taken: bool) -> None:
    async with raw_server(answer(status, b"" if status == 204 else b"{}")) as (port, seen), client() as http:
        headers = signed_headers(SECRET, "esc_1", 0, b"{}")
        assert await delivered(http, f"http://127.0.0.1:{port}/hook", b"{}", headers) is taken
        assert b"webhook-signature: v1," in seen[0].lower()


async def test_a_redirect_is_not_followed() -> None:
    """It could lead a signed notice to an address that nobody named."""
    async with raw_server(answer(200)) as (elsewhere, stolen):
        there = b"location: http://127.0.0.1:%d/\r\n" % elsewhere
        async with raw_server(answer(307, b"{}", there)) as (port, _), client() as http:
            assert not await delivered(http, f"http://127.0.0.1:{port}/hook", b"{}", {})
        assert stolen == []


async def test_nobody_there_is_no_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with raw_server(answer(200)) as (port, _), client() as http:
        assert await delivered(http, f"http://127.0.0.1:{port}/hook", b"{}", {})  # no proxy of the environment
    async with client() as http:
        assert not await delivered(http, f"http://127.0.0.1:{port}/hook", b"{}", {})
