"""The twelve reasons for which an approval does not count, each with its own code."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.approval import (
    Binding,
    ExcludedApprovers,
    KeyRules,
    SignedApproval,
    Subject,
    approval_fault,
    count_by_role,
    sign_binding,
)
from policies.principal import Key, keyid_of

LEAD = Ed25519PrivateKey.generate()
PUBLIC = LEAD.public_key().public_bytes_raw()
KEYID = keyid_of(PUBLIC)
SUBJECT = Subject(
    origin="o", tenant="acme", action_id="act_1", action_digest="d", contract="reset", version=1, contract_digest="c",
    target_digest="t", routes=("http:POST",), resource_type="User", resource_id="u", params={"id": "u"}, agent="bot",
    person="ann", slice_digest="s", schema_digest="h", needs=((("SecurityLead", 1),),), pinned={"before.user": "1"},
    display_digest="y",
)  # fmt: skip
NOW = 1_000_000


def binding(**changes: Any) -> Binding:
    fields: dict[str, Any] = {
        "purpose": "ailyus-approval-v1", "subject": SUBJECT, "approver": "lead", "role": "SecurityLead",
        "verdict": "approve", "comment": "", "not_before_ms": NOW - 1000, "expires_ms": NOW + 1000, "nonce": "n",
    }  # fmt: skip
    return Binding(**{**fields, **changes})


def check(
    approval: SignedApproval,
    now: Subject = SUBJECT,
    used: bool = False,
    kind: str = "file",
    risk: str = "medium",
    **more: Any,
) -> str | None:
    key = Key(KEYID, PUBLIC, "lead", kind, more.get("revoked", False))  # type: ignore[arg-type]
    by = ExcludedApprovers(more.get("person", "ann"), more.get("owner", "ann"), more.get("author"))
    rules = KeyRules(more.get("development", False), risk, more.get("boundary", "network"))  # type: ignore[arg-type]
    return approval_fault(approval, now, {KEYID: key}, by, rules, more.get("at", NOW), used)


def signed(**changes: Any) -> SignedApproval:
    return sign_binding(binding(**changes), LEAD, KEYID)


def test_a_good_one_counts() -> None:
    assert check(signed()) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"tenant": "x"}, "other_requester"),
        ({"agent": "x"}, "other_requester"),
        ({"person": "x"}, "other_requester"),
        ({"params": {"id": "v"}}, "params_changed"),
        ({"action_digest": "x"}, "params_changed"),
        ({"action_id": "x"}, "params_changed"),
        ({"resource_id": "x"}, "resource_changed"),
        ({"resource_type": "x"}, "resource_changed"),
        ({"target_digest": "x"}, "target_changed"),
        ({"routes": ()}, "target_changed"),
        ({"origin": "x"}, "target_changed"),
        ({"slice_digest": "x"}, "policy_changed"),
        ({"schema_digest": "x"}, "policy_changed"),
        ({"contract_digest": "x"}, "policy_changed"),
        ({"version": 2}, "policy_changed"),
        ({"pinned": {"before.user": "2"}}, "state_changed"),
        ({"needs": ()}, "need_missing"),
        ({"display_digest": "x"}, "state_changed"),
    ],
)
def test_every_field_of_the_subject_is_bound(change: dict[str, Any], code: str) -> None:
    assert check(signed(), SUBJECT.model_copy(update=change)) == code


def test_no_field_of_the_subject_is_forgotten() -> None:
    for field in Subject.model_fields:
        value: Any = (
            {"changed": "x"} if field in ("params", "pinned") else () if field in ("routes", "needs") else "changed"
        )
        assert check(signed(), SUBJECT.model_copy(update={field: value})) is not None, field


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"used": True}, "used"),
        ({"at": NOW + 5000}, "expired"),
        ({"at": NOW - 9000}, "expired"),
        ({"person": "lead"}, "self_approval"),
        ({"owner": "lead"}, "self_approval"),
        ({"author": "lead"}, "self_approval"),
        ({"revoked": True}, "unlinked_key"),
        ({"kind": "development"}, "weak_key"),
        ({"risk": "high"}, "weak_key"),
        ({"risk": "critical"}, "weak_key"),
        ({"risk": "high", "development": True}, None),
        ({"kind": "passkey"}, "bad_signature"),  # a plain signature is no passkey's word
        ({"boundary": "same_user"}, "weak_key"),
        ({"boundary": "same_user", "development": True}, None),
        ({"risk": "critical", "kind": "development", "development": True}, None),
    ],
)
def test_circumstances(more: dict[str, Any], code: str | None) -> None:
    assert check(signed(), **more) == code


def test_every_field_of_the_binding_is_signed() -> None:
    good = signed()
    for field, value in {
        "approver": "eve",
        "role": "Director",
        "verdict": "refuse",
        "comment": "x",
        "not_before_ms": 1,
        "expires_ms": 2**50,
        "nonce": "m",
    }.items():
        forged = good.model_copy(update={"binding": good.binding.model_copy(update={field: value})})
        assert check(forged) in ("bad_signature", "unlinked_key"), field


def test_a_person_counts_once_and_refusals_do_not_count() -> None:
    roles, oldest = count_by_role(
        [signed(), signed(nonce="2", role="Director"), signed(approver="eve", verdict="refuse")], NOW
    )
    assert roles == {"SecurityLead": 1}
    assert oldest == 1
    assert count_by_role([], NOW) == ({}, 0)
