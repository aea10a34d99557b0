"""Values of a line: whole, once, and no secret."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.drafts.curl_value import encoded, json_of, pairs_of, refuse_secrets, shown
from contracts.errors import AilyusError
from tests.contracts.drafts.making import drafted


@pytest.mark.parametrize(
    "given",
    [
        "'https://d.example/a?api_key=x' -X POST",
        "https://d.example/a -d client_secret=x",
        """https://d.example/a -d '{"a": [{"clientSecret": "x"}]}'""",
        "https://d.example/a -d 'note=ghp_0123456789abcdef0123456789abcdef0123'",
        "https://d.example/bot123456789:AAabcdefghijklmnopqrstuvwxyz0123456/send -X POST",
    ],
)
def test_a_secret_in_a_query_or_a_body_is_refused(given: str) -> None:
    with pytest.raises(AilyusError, match="looks like a secret") as found:
        drafted(f"curl {given}")
    assert "ghp_" not in str(found.value)


@pytest.mark.parametrize(
    ("text", "sent"),
    [("a b&c", "a%20b%26c"), ("=a b", "a%20b"), ("name=a b&c", "name=a+b%26c"), ("name==", "name=%3D"), ("name=", "name=")],
)  # fmt: skip
def test_a_value_is_encoded_as_curl_does(text: str, sent: str) -> None:
    assert encoded(text) == sent


@given(st.text(st.characters(codec="utf-8"), max_size=12))
@settings(max_examples=40)
def test_an_encoded_value_is_read_back_as_it_was(value: str) -> None:
    assert pairs_of(encoded(f"name={value}"), "the body") == [("name", value)]


def test_no_file_is_read_for_a_value() -> None:
    for text in ("name@/etc/passwd", "@/etc/passwd"):
        with pytest.raises(AilyusError, match="no file is read for a value"):
            encoded(text)
    assert encoded("mail=a@b.example") == "mail=a%40b.example"


@pytest.mark.parametrize(
    "text", ["{", '{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 2}}', '{"a": NaN}', "[Infinity]", "{a: 1}", "[" * 100_000]
)
def test_what_is_no_json_or_has_a_name_twice(text: str) -> None:
    with pytest.raises(AilyusError) as caught:
        json_of(text)
    assert caught.value.code == "bad_curl"


def test_pairs_keep_their_order_and_their_empty_values() -> None:
    assert pairs_of("b=2&a=&b=1", "the query") == [("b", "2"), ("a", ""), ("b", "1")]
    assert pairs_of("", "the query") == []
    with pytest.raises(AilyusError, match="the body is no UTF-8"):
        pairs_of("a=%ff", "the body")
    with pytest.raises(AilyusError, match="the query is no list of"):
        pairs_of("a=1&b", "the query")


def test_what_is_shown_of_a_line_is_bounded() -> None:
    assert shown("x" * 100) == "x" * 60


def test_a_secret_at_any_depth_of_a_body_is_refused() -> None:
    for body in ({"a": [{"password": "x"}]}, {"password": ["x"]}, ["ghp_0123456789"]):
        with pytest.raises(AilyusError, match="looks like a secret"):
            refuse_secrets(body, "")
    refuse_secrets({"password": "", "note": "x", "token": 7, "next": None}, "")
