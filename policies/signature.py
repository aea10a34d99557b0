"""The signature of a person under a document: of a key file, or a passkey's assertion."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict

from contracts.canonical import digest
from policies.passkey import Assertion, asserts
from policies.principal import Key


class PersonDocument(BaseModel):
    """What a person signs: each kind has a purpose of its own, so that no signature is one of another kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: str

    @property
    def digest(self) -> str:
        """Digest over the canonical form of every field."""
        return digest(self.model_dump(mode="json"))

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return f"{self.purpose}\n{self.digest}".encode()


def verify_signature(signature: str, assertion: Assertion | None, message: bytes, document: str, key: Key) -> bool:
    """A signature over the message, or a passkey's assertion about the document's digest (hex); never both."""
    if key.kind == "passkey":
        # guard: a plain signature is no passkey's word
        return assertion is not None and not signature and asserts(assertion, bytes.fromhex(document), key) is not None
    # a file key has no assertion: one beside its signature would stand unverified in the receipt
    if assertion is not None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(bytes.fromhex(signature), message)
    # hex of any other form is nobody's word either
    except (InvalidSignature, ValueError):
        return False
    return True
