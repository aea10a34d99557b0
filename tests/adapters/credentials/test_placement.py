"""Secrets in requests: each in its handle's place and nowhere else, and an answer that gives one back is noticed."""

import base64
from urllib.parse import parse_qs, quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.credentials.placement import echoes, placed

SECRETS = st.text(st.characters(codec="utf-8"), min_size=4, max_size=20)
HANDLE = "hdl_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@given(SECRETS)
def test_a_secret_comes_to_its_field_unchanged_whatever_is_in_it(secret: str) -> None:
    body = orjson.dumps({"password": HANDLE, "note": f"about {HANDLE}"})
    headers, sent = placed({"content-type": "application/json", "x-key": HANDLE}, body, {HANDLE: secret})
    assert orjson.loads(sent) == {"password": secret, "note": f"about {HANDLE}"}, "a part of a text is no place"
    assert headers["x-key"] == secret
    _, form = placed({"content-type": "application/x-www-form-urlencoded"}, f"p={HANDLE}".encode(), {HANDLE: secret})
    assert parse_qs(form.decode(), keep_blank_values=True) == {"p": [secret]}


@given(SECRETS, st.text(max_size=5), st.text(max_size=5))
def test_a_secret_in_an_answer_is_found_in_each_form(secret: str, before: str, after: str) -> None:
    text = f"{before}{secret}{after}"
    for data in (text.encode(), quote(text, safe="").encode(), orjson.dumps(text)):
        assert echoes(secret, data)


@given(st.text("abcdefgh", min_size=8, max_size=20), st.binary(max_size=5), st.binary(max_size=5))
def test_a_secret_in_base64_is_found_at_each_alignment(secret: str, before: bytes, after: bytes) -> None:
    whole = before + secret.encode() + after
    assert echoes(secret, base64.b64encode(whole))
    assert echoes(secret, base64.urlsafe_b64encode(whole))


@pytest.mark.parametrize("data", [b"", b"hunter", b"unter22", b"HUNTER22"])
def test_what_does_not_hold_it_is_not_refused(data: bytes) -> None:
    assert not echoes("hunter22", data)
