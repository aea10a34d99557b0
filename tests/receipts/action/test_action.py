"""Stored actions: their form is written down here, so that no renamed field changes what an older version reads."""

from dataclasses import fields
from typing import Any

import orjson
import pytest

from contracts.action.request import ActionRequest, Caller
from contracts.errors import AilyusError
from receipts.action.action_form import FORM, pack_caller, pack_request, unpack_caller, unpack_request

CALLER = Caller(
    "bot",
    "acme",
    "maria",
    "lead",
    frozenset({"Support", "Billing"}),
    frozenset({"Lead"}),
    True,
    "same_user",
    "https://idp",
    False,
)
REQUEST = ActionRequest("set", 2, "cd", "write", "high", "acme", "bot", "maria", "lead", "records", "td", {"a": 1}, "why", "key", "same_user", ("later",), "00-1")  # fmt: skip
STORED_CALLER = (
    b'{"form":1,"agent":"bot","tenant":"acme","person":"maria","owner":"lead","roles":["Billing","Support"],'
    b'"person_roles":["Lead"],"observe_only":true,"boundary":"same_user","issuer":"https://idp","delegated":false}'
)
STORED_REQUEST = (
    b'{"form":1,"contract":"set","version":2,"contract_digest":"cd","kind":"write","risk":"high","tenant":"acme",'
    b'"agent":"bot","person":"maria","owner":"lead","connection":"records","target_digest":"td","params":{"a":1},'
    b'"reason":"why","caller_key":"key","boundary":"same_user","late":["later"],"trace":"00-1",'
)
FORMS: list[tuple[Any, Any, Any]] = [(REQUEST, pack_request, unpack_request), (CALLER, pack_caller, unpack_caller)]


def test_the_bytes() -> None:
    assert pack_caller(CALLER) == STORED_CALLER
    assert pack_request(REQUEST).startswith(STORED_REQUEST)


@pytest.mark.parametrize("form", FORMS)
def test_every_field_comes_back(form: tuple[Any, Any, Any]) -> None:
    value, pack, unpack = form
    assert unpack(pack(value)) == value
    assert {f.name for f in fields(value)} == set(orjson.loads(pack(value))) - {"form"}


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_other_versions(form: tuple[Any, Any, Any]) -> None:
    value, pack, unpack = form
    stored = orjson.loads(pack(value))
    before = {name: item for name, item in stored.items() if name != "form"}
    assert unpack(orjson.dumps(before)) == value
    assert unpack(orjson.dumps(stored | {"added_later": [1, 2]})) == value
    with pytest.raises(AilyusError, match=f"reads the form {FORM}"):
        unpack(orjson.dumps(stored | {"form": FORM + 1}))
