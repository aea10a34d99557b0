"""A row is an index to a statement: it counts only where it is, in each of its parts, what was signed."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import JsonValue

from contracts.canonical import pseudonym
from policies.principal import Key, Passkey, keyid_of
from receipts.statement.signed_rows import (
    approval_is_said,
    is_about,
    is_ended_by,
    key_is_said,
    key_of,
    registered,
    registration,
)
from receipts.statement.words import LedgerEntry
from receipts.store.row import Row
from tests.receipts.making import action, approval, request

TENANT_KEY = b"k" * 32
TENANTS = {"acme": TENANT_KEY}
KEY = Key(keyid_of(b"cose"), b"cose", "lead", "passkey", passkey=Passkey("cred", "localhost", "http://localhost"))
SAID = LedgerEntry(
    leaf=1, event="linked", tenant="acme", at_ms=1,
    facts={
        "public": KEY.public.hex(), "keyKind": "passkey", "holder": pseudonym(TENANT_KEY, "person", "lead"),
        "credential": "cred", "rpId": "localhost", "origin": "http://localhost",
    },
)  # fmt: skip


def test_a_key_is_what_its_statement_says() -> None:
    assert key_is_said(KEY, SAID, TENANT_KEY)
    row: Row = (KEY.keyid, b"cose", "lead", "passkey", 0, "cred", "localhost", "http://localhost")
    assert key_of(row) == KEY
    assert key_of((*row[:4], 1, None, None, None)) == replace(KEY, revoked=True, passkey=None)


@pytest.mark.parametrize(
    "change",
    [
        {"person": "eve"},
        {"public": b"other"},
        {"public": b"other", "keyid": keyid_of(b"other")},
        {"kind": "file"},
        {"passkey": None},
        {"passkey": Passkey("other", "localhost", "http://localhost")},
        {"passkey": Passkey("cred", "evil.test", "http://localhost")},
        {"passkey": Passkey("cred", "localhost", "http://evil.test")},
    ],
)
def test_a_key_that_was_changed_in_one_part_is_not(change: dict[str, Any]) -> None:
    assert not key_is_said(replace(KEY, **change), SAID, TENANT_KEY)


def test_a_key_of_a_tenant_without_a_key_is_not() -> None:
    assert not key_is_said(KEY, SAID, None)
    assert not key_is_said(KEY, SAID, b"x" * 32)


OF = action()
SIGNED = approval(OF)
ROW: Row = (SIGNED.id, OF.id, "lead", "SecurityLead", SIGNED.model_dump_json().encode())
PREDICATE: dict[str, JsonValue] = {
    "tenant": "acme", "approval": SIGNED.id, "action": OF.id, "role": "SecurityLead", "keyid": SIGNED.keyid,
    "approver": pseudonym(TENANT_KEY, "person", "lead"),
}  # fmt: skip


def test_an_approval_is_what_its_statement_says() -> None:
    assert approval_is_said(ROW, PREDICATE, TENANTS)
    assert not approval_is_said(ROW, PREDICATE, {})


@pytest.mark.parametrize("place", range(5))
def test_an_approval_whose_row_was_changed_is_not(place: int) -> None:
    other = approval(action("r2"), "eve", "m")
    changed = (other.id, "act_x", "eve", "Director", other.model_dump_json().encode())[place]
    assert not approval_is_said((*ROW[:place], changed, *ROW[place + 1 :]), PREDICATE, TENANTS)
    assert not approval_is_said((*ROW[:4], b"{}"), PREDICATE, TENANTS)


@pytest.mark.parametrize("name", ["approval", "action", "role", "keyid", "approver"])
def test_an_approval_whose_statement_says_otherwise_is_not(name: str) -> None:
    assert not approval_is_said(ROW, {**PREDICATE, name: "other"}, TENANTS)


def about(**changes: Any) -> dict[str, Any]:
    predicate = {
        "tenant": "acme", "agent": "bot", "person": pseudonym(TENANT_KEY, "person", "ann"), "boundary": "network",
        "action": OF.id, "kind": "decision", "status": "approval_required",
    }  # fmt: skip
    subject = [{"name": OF.id, "digest": {"sha256": OF.request.action_digest}}]
    return {"predicate": {**predicate, **changes}, "subject": subject}


def test_a_request_is_what_a_statement_is_about() -> None:
    assert is_about(about(), OF.request, OF.id, TENANTS)
    assert not is_about(about(), OF.request, OF.id, {})
    assert not is_about(about(), request("r2"), OF.id, TENANTS)
    assert not is_about(about(), OF.request, "act_other", TENANTS)
    for name in ("tenant", "agent", "person", "boundary", "action"):
        assert not is_about(about(**{name: "other"}), OF.request, OF.id, TENANTS), name


def test_the_steps_of_a_plan_speak_for_it() -> None:
    digest = OF.request.action_digest
    step = about(action="act_step", plan={"action": OF.id, "digest": digest})
    assert is_about(step, OF.request, OF.id, TENANTS)
    assert not is_about(about(action="act_step", plan={"action": OF.id, "digest": "x"}), OF.request, OF.id, TENANTS)
    assert is_about(about(action="act_step", plan={"action": OF.id}), OF.request, OF.id, TENANTS)
    assert not is_about(
        about(action="act_step", plan={"action": "act_x", "digest": digest}), OF.request, OF.id, TENANTS
    )


@pytest.mark.parametrize(
    ("kind", "status", "over"),
    [
        ("intent", "running", True),
        ("outcome", "confirmed", True),
        ("decision", "denied", True),
        ("decision", "refused", True),
        ("decision", "expired", True),
        ("decision", "cancelled", True),
        ("decision", "approved", False),
        ("decision", "approval_required", False),
        ("decision", "withdrawn", False),
        ("recheck", "confirmed", False),
    ],
)
def test_what_ends_an_action(kind: str, status: str, over: bool) -> None:
    assert is_ended_by(about(kind=kind, status=status), OF.id) is over
    assert not is_ended_by(about(kind=kind, status=status), "act_other")


def test_each_part_of_an_agents_row_is_in_its_digest() -> None:
    row: Row = ("bot", "acme", "ann", "ann", "Support", 0, 0, "hash")
    whole = registered(row, False)
    assert whole == registration("bot", "acme", "ann", "ann", "Support", False, "hash")
    for place in (0, 1, 2, 3, 4, 7):
        assert registered((*row[:place], "other", *row[place + 1 :]), False) != whole
    assert registered(row, True) != whole
