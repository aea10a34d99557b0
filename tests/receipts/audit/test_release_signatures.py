"""The audit verifies who signed each release, and who approved it, by the keys that the log had linked by then."""

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from contracts.canonical import pseudonym
from policies.passkey import encode
from policies.principal import keyid_of
from policies.release_approval import (
    CandidateApprovalDocument,
    ReleaseApproval,
    ReleaseApprovalDocument,
    approval_document,
    sign_approval,
)
from policies.signed_release import ReleaseDocument, SignedRelease, sign_release
from receipts.audit.release_signatures import ReleaseSignatures
from receipts.statement.words import LedgerEntry
from tests.console.authenticator import Authenticator

TENANT = bytes(32)
LEAD, SECOND = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PASSKEY = Authenticator("http://localhost:1")
DOCUMENT = ReleaseDocument(
    purpose="ailyus-release-v1", origin="acme", release="a" * 64, contracts={}, plans={}, policies={},
    schema_digest="b" * 64, author="lead", reason="", at_ms=1, nonce="n",
)  # fmt: skip
SIGNED = sign_release(DOCUMENT, LEAD)


def linked(public: bytes, person: str, event: str = "linked", **place: str) -> dict[str, LedgerEntry]:
    facts: dict[str, JsonValue] = {
        "public": public.hex(), "keyKind": "passkey" if place else "file",
        "holder": pseudonym(TENANT, "person", person), **place,
    }  # fmt: skip
    return {keyid_of(public): LedgerEntry(0, event, "acme", 1, facts)}


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


PLACE = {"credential": encode(PASSKEY.credential), "rpId": PASSKEY.rp_id, "origin": PASSKEY.origin}
KEYS = {**linked(raw(LEAD), "lead"), **linked(raw(SECOND), "second"), **linked(PASSKEY.cose, "third", **PLACE)}


def by_file(by: str = "second", key: Ed25519PrivateKey = SECOND, signed: str = DOCUMENT.digest) -> ReleaseApproval:
    return sign_approval(approval_document("acme", signed, by, "SecurityLead", "", 1), key)


def by_passkey(**changes: object) -> ReleaseApproval:
    word = CandidateApprovalDocument(
        purpose="ailyus-release-candidate-v1", origin="acme", signed=DOCUMENT.digest, candidate="c" * 64, live="f" * 64,
        after=3, display_digest="d" * 64, approver="third", role="SecurityLead", verdict="approve", comment="", at_ms=1,
        expires_ms=10, nonce="0",
    ).model_copy(update=changes)  # fmt: skip
    return ReleaseApproval(document=word, public=PASSKEY.cose.hex(), assertion=PASSKEY.sign(bytes.fromhex(word.digest)))


def findings(signed: SignedRelease, keys: dict[str, LedgerEntry] = KEYS, **about: JsonValue) -> list[str]:
    walk = ReleaseSignatures(keys, {"acme": TENANT})
    former = {"kind": "release", "receipt": "rcp_0", "about": {"release": "f" * 64}, "atMs": 1}
    assert list(walk.findings(3, former, {})) == []
    approvals: list[JsonValue] = [
        {"approver": a.document.approver, "role": a.document.role, "keyid": a.keyid, "signed": a.document.digest}
        for a in signed.approvals
    ]
    word = signed.document
    said: dict[str, JsonValue] = {
        "release": word.release, "author": word.author, "keyid": signed.keyid, "signed": word.digest,
        **({"approvals": approvals} if approvals else {}), **about,
    }  # fmt: skip
    told = {"kind": "release", "receipt": "rcp_1", "about": said, "atMs": 5}
    return list(walk.findings(4, told, {"signed": signed.model_dump_json().encode()}))


def test_what_was_signed_holds() -> None:
    assert findings(SIGNED) == []
    assert findings(SIGNED.approved(by_file()).approved(by_passkey())) == []
    # the first key of an author is linked after the release that it signs
    assert findings(SIGNED, {}) == []


@pytest.mark.parametrize(
    "approval",
    [
        by_file(key=LEAD),
        by_file(signed="0" * 64),
        by_file(by="lead", key=LEAD),
        by_file(by="third"),
        by_passkey(live="0" * 64),
        by_passkey(after=4),
        by_passkey(expires_ms=5),
        by_passkey(verdict="refuse"),
        by_passkey(approver="second"),
        by_passkey().model_copy(update={"document": by_passkey(role="Support").document}),
    ],
)
def test_an_approval_that_does_not_hold_is_found(approval: ReleaseApproval) -> None:
    (found,) = findings(SIGNED.approved(approval))
    assert found == f"the approval of `{approval.document.approver}` of the release in `rcp_1` does not hold"


def test_an_approval_by_a_key_that_was_revoked_or_never_linked_is_found() -> None:
    revoked = {**KEYS, **linked(raw(SECOND), "second", "revoked")}
    assert len(findings(SIGNED.approved(by_file()), revoked)) == 1
    assert len(findings(SIGNED.approved(by_file()), linked(raw(LEAD), "lead"))) == 1


def test_an_author_who_did_not_sign_is_found() -> None:
    assert findings(sign_release(DOCUMENT, SECOND), KEYS) == [
        "the signature of `lead` under the release in `rcp_1` does not hold"
    ]
    other = SIGNED.model_copy(update={"document": DOCUMENT.model_copy(update={"reason": "mine"})})
    assert "the signature of `lead` under the release in `rcp_1` does not hold" in findings(other, KEYS)
    assert findings(SIGNED, KEYS, release="0" * 64) == ["the signature of `lead` in `rcp_1` is under another release"]
    assert findings(SIGNED.approved(by_file()), KEYS, approvals=[]) == [
        "the approvals of the release in `rcp_1` are not those that its statement names"
    ]
    walk = ReleaseSignatures(KEYS, {"acme": TENANT})
    told = {"kind": "release", "receipt": "rcp_1", "about": {}, "atMs": 5}
    assert list(walk.findings(4, told, {"signed": b"{}"})) == ["what people signed in `rcp_1` cannot be read"]


def test_a_word_about_a_candidate_is_its_persons() -> None:
    walk, given = ReleaseSignatures(KEYS, {"acme": TENANT}), by_passkey()
    about: dict[str, JsonValue] = {
        "by": "third", "role": "SecurityLead", "keyid": given.keyid, "signed": given.document.digest,
    }  # fmt: skip
    told = {"kind": "candidate", "receipt": "rcp_1", "about": about, "atMs": 5}
    evidence = {"approval": given.model_dump_json().encode()}
    assert list(walk.findings(4, told, evidence)) == []
    for changed in ({"by": "second"}, {"role": "Support"}, {"signed": "0" * 64}):
        assert len(list(walk.findings(4, {**told, "about": {**about, **changed}}, evidence))) == 1
    other = orjson.dumps(
        {**given.model_dump(mode="json"), "assertion": by_passkey(nonce="1").model_dump(mode="json")["assertion"]}
    )
    assert len(list(walk.findings(4, told, {"approval": other}))) == 1
    assert isinstance(by_file().document, ReleaseApprovalDocument)
