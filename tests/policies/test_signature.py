"""A person's signature: of a file key over the message, or of a passkey about the document, never both."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.passkey import Assertion
from policies.principal import Key, Passkey, keyid_of
from policies.signature import verify_signature

PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KEY = Key(keyid_of(PUBLIC), PUBLIC, "lead", "file")
PASSKEY = Key("k", b"cose", "lead", "passkey", passkey=Passkey("cred", "localhost", "http://localhost"))
MESSAGE, DOCUMENT = b"ailyus-approval-v1\nx", "a" * 64
SIGNATURE = PRIVATE.sign(MESSAGE).hex()
ASSERTION = Assertion(credential="cred", client_data="", authenticator_data="", signature="")


@pytest.mark.parametrize("kind", ["file", "development"])
def test_a_file_keys_word_is_over_exactly_this_message(kind: str) -> None:
    key = Key(KEY.keyid, PUBLIC, "lead", kind)  # type: ignore[arg-type]
    assert verify_signature(SIGNATURE, None, MESSAGE, DOCUMENT, key)
    assert not verify_signature(SIGNATURE, None, MESSAGE + b" ", DOCUMENT, key)


@pytest.mark.parametrize("change", ["", "00", "zz", "é", lambda s: s[:-2], lambda s: s + "00", lambda s: "00" * 64])
def test_any_other_text_is_nobodys_word(change: object) -> None:
    signature = change(SIGNATURE) if callable(change) else str(change)
    assert not verify_signature(signature, None, MESSAGE, DOCUMENT, KEY)


def test_another_persons_key_and_a_key_that_is_none_verify_nothing() -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    for public in (other, b"", b"short"):
        assert not verify_signature(SIGNATURE, None, MESSAGE, DOCUMENT, Key("k", public, "lead", "file"))


def test_an_assertion_beside_a_signature_is_refused_with_either_key() -> None:
    assert not verify_signature(SIGNATURE, ASSERTION, MESSAGE, DOCUMENT, KEY)
    assert not verify_signature(SIGNATURE, ASSERTION, MESSAGE, DOCUMENT, PASSKEY)
    assert not verify_signature(SIGNATURE, None, MESSAGE, DOCUMENT, PASSKEY)
    assert not verify_signature("", ASSERTION, MESSAGE, DOCUMENT, PASSKEY), "an assertion that does not verify"
