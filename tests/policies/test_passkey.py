"""Passkeys: an assertion is one person's word on one document, at our origin, with the user verified, and not a copy's."""

import hashlib
from dataclasses import replace

import pytest

from contracts.errors import AilyusError
from policies.passkey import Assertion, asserts, attested, decode, encode, sign_count
from policies.principal import Key, Passkey, keyid_of
from tests.console.authenticator import Authenticator

ORIGIN = "https://ailyus.example.com"
CHALLENGE = hashlib.sha256(b"what the person was shown").digest()


def linked(device: Authenticator, **changes: str) -> Key:
    at = {"credential": encode(device.credential), "rp_id": device.rp_id, "origin": device.origin} | changes
    return Key(keyid_of(device.cose), device.cose, "lead", "passkey", passkey=Passkey(**at))


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_a_new_passkey_is_attested_and_asserts(algorithm: str) -> None:
    device = Authenticator(ORIGIN, algorithm)
    assert attested(device.make(CHALLENGE), CHALLENGE, device.rp_id, ORIGIN) == device.cose
    signed = device.sign(CHALLENGE)
    assert asserts(signed, CHALLENGE, linked(device)) == sign_count(signed) == 2


def test_it_is_the_word_on_this_document_of_this_key_at_this_origin_alone() -> None:
    device = Authenticator(ORIGIN)
    key, signed = linked(device), device.sign(CHALLENGE)
    other = Authenticator(ORIGIN)
    assert asserts(signed, CHALLENGE, key) is not None
    assert asserts(signed, hashlib.sha256(b"another document").digest(), key) is None
    assert asserts(other.sign(CHALLENGE), CHALLENGE, key) is None
    assert asserts(signed, CHALLENGE, linked(device, credential="b3RoZXI")) is None
    assert asserts(signed, CHALLENGE, linked(device, origin="https://ailyus.example.org")) is None
    assert asserts(signed, CHALLENGE, linked(device, rp_id="example.org")) is None
    assert asserts(signed, CHALLENGE, replace(key, kind="file")) is None
    assert asserts(signed, CHALLENGE, replace(key, passkey=None)) is None


def test_a_user_who_was_not_verified_says_nothing() -> None:
    present = Authenticator(ORIGIN, flags=0x01)  # touched, without PIN or fingerprint
    assert asserts(present.sign(CHALLENGE), CHALLENGE, linked(present)) is None
    with pytest.raises(AilyusError) as fault:
        attested(present.make(CHALLENGE), CHALLENGE, present.rp_id, ORIGIN)
    assert fault.value.code == "bad_signature"


def test_a_count_that_does_not_grow_is_a_copys() -> None:
    device = Authenticator(ORIGIN, count=6)
    signed, key = device.sign(CHALLENGE), linked(device)
    assert [asserts(signed, CHALLENGE, key, uses) for uses in (6, 7, 8)] == [7, None, None]
    synced = Authenticator(ORIGIN, count=-1)  # one that many devices share always says 0
    assert asserts(synced.sign(CHALLENGE), CHALLENGE, linked(synced), 0) == 0


@pytest.mark.parametrize("part", ["client_data", "authenticator_data", "signature", "credential"])
@pytest.mark.parametrize("instead", ["", "AA", "not base64!", "e30"])
def test_what_is_no_assertion_is_nobodys_word(part: str, instead: str) -> None:
    device = Authenticator(ORIGIN)
    broken = device.sign(CHALLENGE).model_copy(update={part: instead})
    assert asserts(broken, CHALLENGE, linked(device)) is None


def test_a_page_in_a_frame_of_another_origin_is_refused() -> None:
    device = Authenticator(ORIGIN)
    framed = device.client_data("get", CHALLENGE).replace(b'"crossOrigin":false', b'"crossOrigin":true')
    device.client_data = lambda kind, challenge: framed  # type: ignore[method-assign]
    assert asserts(device.sign(CHALLENGE), CHALLENGE, linked(device)) is None


def test_texts_are_base64url_without_padding() -> None:
    for data in (b"", b"\xff\xfe", CHALLENGE):
        assert decode(encode(data)) == data
        assert "=" not in encode(data)
    for wrong in ("a+b/", "YQ==", "a b", "A"):
        with pytest.raises(AilyusError):
            decode(wrong)
    with pytest.raises(ValueError):
        Assertion(credential="A" * 8193, client_data="", authenticator_data="", signature="")
