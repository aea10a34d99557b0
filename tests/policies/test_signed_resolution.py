"""A person's word about an outcome: it holds for exactly what was signed, by exactly that key, and confirms nothing."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from policies.principal import Key, keyid_of
from policies.signed_resolution import Resolution, SignedResolution, sign_resolution

PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KEY = Key(keyid_of(PUBLIC), PUBLIC, "lead", "file")
SAID = Resolution(
    purpose="ailyus-resolution-v1",
    origin="ailyus.test/w",
    action_id="act_1",
    asserted="applied",
    comment="seen in the console",
    person="lead",
    at_ms=1,
)


def test_a_signature_holds_for_what_was_signed() -> None:
    signed = sign_resolution(SAID, PRIVATE, KEY.keyid)
    assert signed.holds(KEY)
    assert SignedResolution.model_validate_json(signed.model_dump_json()).holds(KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "other"},
        {"action_id": "act_2"},
        {"asserted": "not_applied"},
        {"comment": ""},
        {"person": "x"},
        {"at_ms": 2},
    ],
)
def test_whatever_is_changed_it_holds_no_more(change: dict[str, object]) -> None:
    signed = sign_resolution(SAID, PRIVATE, KEY.keyid)
    assert not signed.model_copy(update={"resolution": SAID.model_copy(update=change)}).holds(KEY)


def test_nobody_asserts_that_it_was_confirmed_and_another_key_says_nothing() -> None:
    with pytest.raises(ValidationError):
        Resolution.model_validate({**SAID.model_dump(), "asserted": "confirmed"})
    other = Ed25519PrivateKey.generate()
    assert not sign_resolution(SAID, other, KEY.keyid).holds(KEY)
    assert not SignedResolution(resolution=SAID, keyid=KEY.keyid).holds(KEY)
