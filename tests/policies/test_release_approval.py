"""What a person signs about a release at the console: the word of one passkey about one candidate, as it was shown."""

import pytest

from contracts.errors import AilyusError
from policies.passkey import encode
from policies.principal import Key, Passkey, keyid_of
from policies.release_approval import (
    CandidateApprovalDocument,
    ReleaseApproval,
    ReleaseSubject,
    approval_document,
    check_approval,
)
from tests.console.authenticator import Authenticator

NOW = 1_000_000
SUBJECT = ReleaseSubject("acme", "5" * 64, "c" * 64, "1" * 64, 7)


def document(**changes: object) -> CandidateApprovalDocument:
    word = CandidateApprovalDocument(
        purpose="ailyus-release-candidate-v1", origin="acme", signed=SUBJECT.signed, candidate=SUBJECT.candidate,
        live=SUBJECT.live, after=SUBJECT.after, display_digest="d" * 64, approver="second", role="SecurityLead",
        verdict="approve", comment="seen", at_ms=NOW, expires_ms=NOW + 1, nonce="0",
    )  # fmt: skip
    return word.model_copy(update=changes)


def key_of(passkey: Authenticator, person: str = "second") -> Key:
    place = Passkey(encode(passkey.credential), passkey.rp_id, passkey.origin)
    return Key(keyid_of(passkey.cose), passkey.cose, person, "passkey", passkey=place)


def approved(
    passkey: Authenticator, word: CandidateApprovalDocument, by: CandidateApprovalDocument | None = None
) -> ReleaseApproval:
    assertion = passkey.sign(bytes.fromhex((by or word).digest))
    return ReleaseApproval(document=word, public=passkey.cose.hex(), assertion=assertion)


def refusal(approval: ReleaseApproval, key: Key, at_ms: int = NOW) -> str:
    with pytest.raises(AilyusError) as caught:
        check_approval(approval, SUBJECT, key, at_ms, development=False)
    return caught.value.code


def test_a_passkeys_word_about_exactly_this_counts() -> None:
    passkey = Authenticator("http://localhost:1")
    check_approval(approved(passkey, document()), SUBJECT, key_of(passkey), NOW, development=False)
    again = ReleaseApproval.model_validate_json(approved(passkey, document()).model_dump_json())
    check_approval(again, SUBJECT, key_of(passkey), NOW, development=False)
    assert isinstance(again.document, CandidateApprovalDocument)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"origin": "other"}, "not_released"),
        ({"signed": "6" * 64}, "not_released"),
        ({"candidate": "e" * 64}, "not_released"),
        ({"live": "2" * 64}, "stale"),
        ({"after": 8}, "stale"),
        ({"verdict": "refuse"}, "not_released"),
        ({"expires_ms": NOW}, "expired"),
        ({"approver": "third"}, "unlinked_key"),
    ],
)
def test_a_word_about_anything_else_does_not(changes: dict[str, object], code: str) -> None:
    passkey = Authenticator("http://localhost:1")
    assert refusal(approved(passkey, document(**changes)), key_of(passkey)) == code


@pytest.mark.parametrize("field", sorted(CandidateApprovalDocument.model_fields.keys() - {"purpose"}))
def test_the_challenge_is_bound_to_every_field(field: str) -> None:
    """A word that was given about another document does not stand under this one, whichever field differs."""
    passkey = Authenticator("http://localhost:1")
    value = getattr(document(), field)
    other = document(**{field: value + 1 if isinstance(value, int) else f"{value[::-1]}x"})
    assert refusal(approved(passkey, document(), by=other), key_of(passkey)) == "bad_signature"


def test_what_a_key_file_signs_is_no_word_of_a_passkey() -> None:
    passkey = Authenticator("http://localhost:1")
    word = approval_document("acme", SUBJECT.signed, "second", "SecurityLead", "", NOW)
    about = ReleaseApproval(document=word, public=passkey.cose.hex(), signature="00" * 64)
    assert refusal(about, key_of(passkey)) == "bad_signature"
    # and neither is about a candidate unless it says so
    assert (
        refusal(approved(passkey, document()).model_copy(update={"document": word}), key_of(passkey)) == "bad_signature"
    )
