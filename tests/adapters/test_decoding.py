"""Bodies as values: what is a list is declared, and nothing else than plain JSON or XML is an answer."""

import csv
import io
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import decoding
from adapters.credentials.placement import echoes, placed
from adapters.decoding import Undecodable, decode

KEYS = b"""<R xmlns="urn:x"><L><member><Id>a</Id></member><member><Id>b</Id></member></L><E/><T> text </T></R>"""


def test_xml_with_declared_lists() -> None:
    assert decode(KEYS, "xml", ["L", "E"]) == {"R": {"L": [{"Id": "a"}, {"Id": "b"}], "E": [], "T": " text "}}


@pytest.mark.parametrize(
    ("raw", "lists"),
    [
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><R>&a;</R>", []),
        (b"<R><member>1</member><member>2</member></R>", []),  # a list that nobody declared
        (b"<R>", []),
        (b"", []),
        (b"{}", []),
        (b"<a>" * 40 + b"</a>" * 40, []),
    ],
)
def test_what_is_no_answer(raw: bytes, lists: list[str]) -> None:
    with pytest.raises(Undecodable):
        decode(raw, "xml", lists)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_a_doctype_is_no_answer_in_any_encoding(encoding: str) -> None:
    entity = '<!DOCTYPE a [<!ENTITY e "ADMIN">]><a>&e;</a>'.encode(encoding)
    with pytest.raises(Undecodable):
        decode(entity, "xml", [])
    assert decode("<a>plain</a>".encode(encoding), "xml", []) == {"a": "plain"}


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_json_that_could_not_be_written_again_is_no_answer(opening: bytes, closing: bytes) -> None:
    levels = opening.count(b"[") + opening.count(b"{")
    most = 250 // levels
    assert decode(opening * most + b"1" + closing * most, "json")
    for deep in (260, 900):
        with pytest.raises(Undecodable):
            decode(opening * (deep // levels) + b"1" + closing * (deep // levels), "json")


def test_json_may_be_wide() -> None:
    raw = orjson.dumps([{"a": [n]} for n in range(1_000)])
    assert decode(raw, "json") == orjson.loads(raw)


@given(st.binary(max_size=80))
def test_no_bytes_break_it(raw: bytes) -> None:
    for form in ("json", "xml"):
        try:
            decode(raw, form)  # type: ignore[arg-type]
        except Undecodable:
            continue


@given(
    secret=st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=8, max_size=40),
    pad=st.binary(max_size=7),
)
def test_every_way_to_echo_a_secret_is_seen(secret: str, pad: bytes) -> None:
    import base64
    from urllib.parse import quote

    import orjson

    ways: list[Any] = [secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()]
    for way in ways:
        assert echoes(secret, pad + str(way).encode() + pad)
    assert echoes(secret, orjson.dumps({"sent": secret}))
    assert echoes(secret, base64.b64encode(pad + secret.encode() + b"tail"))


def test_a_secret_takes_its_handles_place_and_no_other() -> None:
    handle, secret = "sec_" + "0" * 26, 'a"b\\c&d=e'
    headers, body = placed(
        {"content-type": "application/json", "x-key": handle}, f'{{"a":"{handle}"}}'.encode(), {handle: secret}
    )
    assert headers["x-key"] == secret
    assert body == b'{"a":"a\\"b\\\\c&d=e"}'
    _, form = placed(
        {"content-type": "application/x-www-form-urlencoded"}, f"a={handle}&b=1".encode(), {handle: secret}
    )
    assert form == b"a=a%22b%5Cc%26d%3De&b=1"


def test_csv_is_rows_by_the_names_of_the_first_line() -> None:
    raw = b'\xef\xbb\xbf"sf__Id","Name"\r\n"003","O""Neil, Ann"\r\n"",x\n\n'
    assert decode(raw, "csv") == [{"sf__Id": "003", "Name": 'O"Neil, Ann'}, {"sf__Id": "", "Name": "x"}]
    assert decode(b'"a\nb"\n1\n', "csv") == [{"a\nb": "1"}]
    assert decode(b"a,b\n", "csv") == decode(b"", "csv") == []


@pytest.mark.parametrize(
    "raw", [b"a,b\n1\n", b"a,b\n1,2,3\n", b"a,a\n1,2\n", b"a\n\x00\n", b"a\n\xff\n", b'a\n"1\n', b'a\n"1"2\n']
)
def test_what_is_no_csv(raw: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(raw, "csv")


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_ROWS", 2)
    with pytest.raises(Undecodable):
        decode(b"a\n1\n2\n3\n", "csv")


@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), st.text(max_size=9).filter(lambda t: "\x00" not in t), min_size=2))
)
def test_csv_that_was_written_is_read_back(rows: list[dict[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["a", "b"])
    writer.writeheader()
    writer.writerows(rows)
    try:
        raw = out.getvalue().encode()
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    assert decode(raw, "csv") == rows
