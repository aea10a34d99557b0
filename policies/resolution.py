"""What a person says about an outcome that nobody could read back: asserted and signed, never `confirmed`.

The signed bytes are `ailyus-resolution-v1\\n` followed by the 64 hex digits of the digest, Ed25519 (RFC 8032).
"""

from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict

from contracts.canonical import digest

PURPOSE = "ailyus-resolution-v1"
Asserted = Literal["applied", "not_applied"]


class Resolution(BaseModel):
    """Who says what about which action. `comment` is shown to security teams."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: Literal["ailyus-resolution-v1"]
    origin: str
    action_id: str
    asserted: Asserted
    comment: str
    person: str
    at_ms: int

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return f"{PURPOSE}\n{digest(self.model_dump(mode='json'))}".encode()


class SignedResolution(BaseModel):
    """A resolution, the key and its signature (hex, 64 bytes)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resolution: Resolution
    keyid: str
    signature: str

    def holds(self, public: bytes) -> bool:
        """Does the signature verify under this raw public key?"""
        try:
            key = Ed25519PublicKey.from_public_bytes(public)
            key.verify(bytes.fromhex(self.signature), self.resolution.message)
        except (InvalidSignature, ValueError):
            return False
        return True


def sign_resolution(resolution: Resolution, key: Ed25519PrivateKey, keyid: str) -> SignedResolution:
    """Sign with a person's private key; the key never leaves the signer's process."""
    return SignedResolution(resolution=resolution, keyid=keyid, signature=key.sign(resolution.message).hex())
