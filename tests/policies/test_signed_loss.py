"""A signed loss counts only as the word of a linked key of its own person, over exactly this document."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from contracts.errors import AilyusError
from policies.principal import Key, keyid_of
from policies.signed_loss import LossDocument, SignedLoss, check_loss, sign_loss

PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KEY = Key(keyid_of(PUBLIC), PUBLIC, "lead", "file")
DOCUMENT = LossDocument(
    origin="o", remembered_size=9, remembered_root="a" * 64, restored_size=7, restored_root="b" * 64,
    person="lead", reason="the disk broke", at_ms=1, nonce="n",
)  # fmt: skip


def refusal(signed: SignedLoss, key: Key | None, development: bool = False) -> str:
    with pytest.raises(AilyusError) as caught:
        check_loss(signed, key, development)
    return caught.value.code


def test_the_word_of_its_person_counts() -> None:
    signed = sign_loss(DOCUMENT, PRIVATE)
    assert signed.keyid == KEY.keyid
    check_loss(signed, KEY, False)
    check_loss(signed, replace(KEY, kind="development"), True)


def test_another_key_a_revoked_one_and_one_of_development_do_not_count() -> None:
    signed = sign_loss(DOCUMENT, PRIVATE)
    assert refusal(signed, None) == "unlinked_key"
    assert refusal(signed, replace(KEY, revoked=True)) == "unlinked_key"
    assert refusal(signed, replace(KEY, person="other")) == "unlinked_key"
    assert refusal(signed, replace(KEY, kind="development")) == "weak_key"
    assert refusal(signed, replace(KEY, kind="passkey")) == "bad_signature"


@pytest.mark.parametrize("field", sorted(LossDocument.model_fields.keys() - {"purpose", "person"}))
def test_no_field_can_be_another_one(field: str) -> None:
    signed = sign_loss(DOCUMENT, PRIVATE)
    was = getattr(DOCUMENT, field)
    changed = DOCUMENT.model_copy(update={field: was + 1 if isinstance(was, int) else was + "x"})
    assert refusal(signed.model_copy(update={"document": changed}), KEY) == "bad_signature"


def test_a_reason_is_needed() -> None:
    with pytest.raises(ValidationError):
        LossDocument.model_validate(DOCUMENT.model_dump() | {"reason": ""})
