"""Passkeys: a person's word as a WebAuthn assertion (Web Authentication Level 3, section 7.2), and a new one's.

What is signed is `authenticatorData ‖ SHA-256(clientDataJSON)`; the challenge in clientDataJSON is the 32-byte digest
of the document that the person was shown, so that an assertion is about exactly one document.
"""

import base64
import binascii
import re

import orjson
from pydantic import BaseModel, ConfigDict, Field

from contracts.errors import AilyusError
from policies.principal import Key

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_B64 = Field(max_length=8192)


class Assertion(BaseModel):
    """What an authenticator answers, whole; every field is base64url without padding.

    `{"credential":"…","client_data":"…","authenticator_data":"…","signature":"…"}`
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    credential: str = _B64
    client_data: str = _B64
    authenticator_data: str = _B64
    signature: str = _B64


class Attestation(BaseModel):
    """A new passkey as `navigator.credentials.create()` answers it; every field is base64url without padding."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    credential: str = _B64
    client_data: str = _B64
    attestation_object: str = _B64


def asserts(assertion: Assertion, challenge: bytes, key: Key, uses: int = 0) -> int | None:
    """The authenticator's new count of uses if the assertion is this key's word on this challenge, else None.

    Origin, RP id, presence and *verification* of the user are required. `uses` is the last count that was seen: a
    count that does not grow means a copied authenticator (synced passkeys always say 0).
    """
    from webauthn.authentication.verify_authentication_response import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.helpers.structs import AuthenticationCredential, AuthenticatorAssertionResponse

    passkey = key.passkey
    # guard: the key's own credential
    if key.kind != "passkey" or passkey is None or assertion.credential != passkey.credential:
        return None
    try:
        client_data = decode(assertion.client_data)
        # a page of another origin that frames ours could have asked for it
        if orjson.loads(client_data).get("crossOrigin") not in (None, False):
            return None
        response = AuthenticatorAssertionResponse(
            client_data_json=client_data,
            authenticator_data=decode(assertion.authenticator_data),
            signature=decode(assertion.signature),
        )
        verified = verify_authentication_response(
            credential=AuthenticationCredential(
                id=assertion.credential, raw_id=decode(assertion.credential), response=response
            ),
            expected_challenge=challenge,
            expected_rp_id=passkey.rp_id,
            expected_origin=passkey.origin,  # guard: the console's own origin
            credential_public_key=key.public,
            credential_current_sign_count=uses,  # guard: a copied authenticator
            require_user_verification=True,  # guard: the user is verified
        )
    except (WebAuthnException, AilyusError, ValueError, AttributeError, TypeError, KeyError):
        return None  # whatever an assertion is, if it does not verify it is nobody's word
    return verified.new_sign_count


def sign_count(assertion: Assertion) -> int:
    """The count that the authenticator says (bytes 33 to 36 of authenticatorData); 0 where it has none."""
    return int.from_bytes(decode(assertion.authenticator_data)[33:37], "big")


def attested(attestation: Attestation, challenge: bytes, rp_id: str, origin: str) -> bytes:
    """The COSE public key (RFC 9052, section 7) of a new passkey; raises `bad_signature` when it does not verify."""
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.helpers.structs import AuthenticatorAttestationResponse, RegistrationCredential
    from webauthn.registration.verify_registration_response import verify_registration_response

    try:
        response = AuthenticatorAttestationResponse(
            client_data_json=decode(attestation.client_data),
            attestation_object=decode(attestation.attestation_object),
        )
        verified = verify_registration_response(
            credential=RegistrationCredential(
                id=attestation.credential, raw_id=decode(attestation.credential), response=response
            ),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            require_user_verification=True,  # guard: the user is verified
        )
    except (WebAuthnException, AilyusError, ValueError, AttributeError, TypeError, KeyError):
        hint = "open the page again and use a passkey that asks for a PIN or a fingerprint"
        raise AilyusError("bad_signature", "the new passkey does not verify", hint=hint) from None
    return verified.credential_public_key


def encode(data: bytes) -> str:
    """base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The one canonical base64url form; anything else raises `bad_signature`."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if _BASE64URL.fullmatch(text) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None or encode(data) != text:
        raise AilyusError("bad_signature", "this is no base64url", hint="use the console's own pages")
    return data
