"""Credentials by name and by form; a place in a list is none."""

import pytest

from contracts.drafts.credentials import is_harmless, looks_secret, names_a_secret, scheme_of


def test_pages_are_no_secrets() -> None:
    assert not any(
        names_a_secret(n) for n in ("page_token", "nextPageToken", "max_tokens", "Content-Type", "note", "X-Keyboard")
    )


@pytest.mark.parametrize(
    "name",
    ["password", "userPassword", "X-Api-Key", "apiKey", "client_secret", "Authorization", "access-token", "sid", "X-Signature", "csrf", "page_token_secret", "private_key", "jwt", "sessionId"],
)  # fmt: skip
def test_a_name_that_says_that_its_value_is_a_credential(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize(
    "name", ["side", "resign", "keyboard", "author", "signal", "cookies_accepted", "key", "id", ""]
)
def test_a_word_within_another_names_no_credential(name: str) -> None:
    assert not names_a_secret(name)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("ghp_0123456789", True),
        ("xoxb-1-2", True),
        ("sk_live_51H", True),
        ("AKIAIOSFODNN7EXAMPLE", True),
        ("eyJhbGciOiJIUzI1", True),
        ("-----BEGIN PRIVATE KEY-----", True),
        ("Bearer abcdef", True),
        ("123456789:AAabcdefghijklmnopqrstuvwxyz0123", True),
        ("Bearer of news", False),
        ("a ghp_0123456789", False),
        ("eyes", False),
        ("2026-11-29", False),
        ("", False),
    ],
)
def test_a_value_in_the_form_of_a_credential(value: str, secret: bool) -> None:
    assert looks_secret(value) is secret


@pytest.mark.parametrize(
    ("name", "value", "harmless"),
    [
        ("Prefer", "return=minimal", True),
        ("ACCEPT", "application/json", True),
        ("Accept-Language", "de, en;q=0.5", True),
        ("X-Tenant", "acme", False),
        ("Prefer", "a\nb", False),
        ("Prefer", "café", False),
        ("Prefer", "x" * 201, False),
        ("Prefer", "${inputs.x}", False),
        ("Accept", "ghp_0123456789", False),
        ("Accept", "q7Zr4tYw9sKd2mLx0000", False),
    ],
)
def test_a_header_is_harmless_by_its_name_and_its_value(name: str, value: str, harmless: bool) -> None:
    assert is_harmless(name, value) is harmless


@pytest.mark.parametrize(
    ("value", "scheme"), [("Bearer x", "Bearer"), ("  SSWS \t x", "SSWS"), ("x", ""), ("Bearer", ""), ("Bearer ", ""), ("1a b", "")]
)  # fmt: skip
def test_the_word_before_a_credential(value: str, scheme: str) -> None:
    assert scheme_of("Authorization", value) == scheme
