"""What a person says about an outcome that nobody could read back: asserted and signed, never `confirmed`.

With a key file the signed bytes are `ailyus-resolution-v1\\n` and the 64 hex digits of the digest, Ed25519 (RFC 8032).
A passkey signs an assertion whose challenge is that digest.
"""

from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict

from policies.passkey import Assertion
from policies.principal import Key
from policies.signature import PersonDocument, verify_signature

# INVARIANT 6: never `confirmed`: a person says it, and no read shows it
Asserted = Literal["applied", "not_applied"]


class Resolution(PersonDocument):
    """Who says what about which action. `comment` is shown to security teams."""

    purpose: Literal["ailyus-resolution-v1"]
    origin: str
    action_id: str
    asserted: Asserted
    # signed with the rest, since security teams act on it
    comment: str
    person: str
    at_ms: int


class SignedResolution(BaseModel):
    """A resolution, the key, and its signature (hex, 64 bytes) or a passkey's assertion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resolution: Resolution
    keyid: str
    signature: str = ""
    assertion: Assertion | None = None

    def holds(self, key: Key) -> bool:
        """Is this the key's word on exactly this resolution?"""
        return verify_signature(self.signature, self.assertion, self.resolution.message, self.resolution.digest, key)


def sign_resolution(resolution: Resolution, key: Ed25519PrivateKey, keyid: str) -> SignedResolution:
    """Sign with a person's private key; the key never leaves the signer's process."""
    return SignedResolution(resolution=resolution, keyid=keyid, signature=key.sign(resolution.message).hex())
