"""Stored actions: their form is written down here, so that no renamed field changes what an older version reads."""

from dataclasses import fields
from typing import Any

import orjson
import pytest

from contracts.action.observation import Observation, Reading
from contracts.action.request import ActionRequest, Caller
from contracts.errors import AilyusError
from contracts.hiding import Hiding
from receipts.action.action_form import (
    FORM,
    pack_caller,
    pack_observation,
    pack_request,
    unpack_caller,
    unpack_observation,
    unpack_request,
)

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


def test_an_observation_is_kept_without_its_raw_bytes_and_with_what_is_not_whole() -> None:
    seen = Observation(
        {
            "user": Reading("user", 200, {"a": 1}, b"raw", 5, "req"),
            "keys": Reading("keys", 200, [], b"", 6, whole=False),
        },
        7,
        "separate_credential",
    )
    packed = pack_observation(seen)
    assert packed == (
        b'{"at_ms":7,"channel":"separate_credential","readings":{"user":[200,5,{"a":1}],"keys":[200,6,[],false]}}'
    )
    again = unpack_observation(packed)
    assert again.readings["user"] == Reading("user", 200, {"a": 1}, b"", 5)
    assert (again.readings["keys"].whole, again.at_ms, again.channel) == (False, 7, "separate_credential")


def test_what_was_kept_as_digests_compares_by_them() -> None:
    hiding = Hiding(b"k" * 32)
    hidden = Observation({}, 7, "same_channel", hiding=hiding)
    assert orjson.loads(pack_observation(hidden))["hidden"] is True
    assert unpack_observation(pack_observation(hidden), hiding).hiding == hiding
    assert unpack_observation(pack_observation(Observation({}, 7, "same_channel")), hiding).hiding is None
