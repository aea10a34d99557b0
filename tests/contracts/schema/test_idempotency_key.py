"""Where our key stands, and what a target must be able to take."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.canonical import new_id
from contracts.schema.idempotency_key import KEY_LENGTH, IdempotencyKey
from contracts.schema.route import HttpRoute


def test_our_keys_have_that_length() -> None:
    assert len(f"{new_id('act')}-1") == KEY_LENGTH


def test_a_bare_text_is_a_header() -> None:
    assert HttpRoute.model_validate({"post": "/a", "idempotency_key": "Key"}).key == IdempotencyKey(header="Key")
    assert HttpRoute.model_validate({"post": "/a"}).key is None


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ({}, "exactly one of header, query"),
        ({"header": "A", "query": "b"}, "exactly one of header, query"),
        ({"query": "requestid", "max_length": 31}, "our keys have 32 characters"),
        ({"query": "requestid", "within": "1m"}, "greater than or equal to 120000"),
        ({"query": "a b"}, "should match pattern"),
    ],
)
def test_what_is_refused(key: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        IdempotencyKey.model_validate(key)


def test_the_query_gives_the_keys_name_no_other_value() -> None:
    with pytest.raises(ValidationError, match="idempotency key's"):
        HttpRoute.model_validate({"post": "/a", "query": {"k": "1"}, "idempotency_key": {"query": "k"}})
