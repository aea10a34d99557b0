"""The signature of a person under a document: of a key file, or a passkey's assertion."""

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict

from contracts.canonical import digest
from contracts.errors import AilyusError
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


STRONGER: Final = "make a key with a passphrase: `ailyus person enrol --as PERSON`"
"""What to do where a key for development does not count."""


@dataclass(frozen=True, slots=True)
class PersonSignature:
    """A document, and what a person put under it: a signature in hex, or a passkey's assertion."""

    document: PersonDocument
    signature: str
    assertion: Assertion | None = None


@dataclass(frozen=True, slots=True)
class SignatureRefusals:
    """What is said of a signature that does not count: each a sentence, and a hint that may be empty."""

    unlinked: tuple[str, str]
    weak: tuple[str, str]
    bad: str


def check_person(
    signed: PersonSignature, person: str, key: Key | None, development: bool, refusals: SignatureRefusals
) -> None:
    """Raise `unlinked_key`, `weak_key` or `bad_signature` unless a person's own live key signed this document."""
    if key is None or key.revoked or key.person != person:  # guard: a person's own key
        sentence, hint = refusals.unlinked
        raise AilyusError("unlinked_key", sentence, hint=hint)
    if key.kind == "development" and not development:
        sentence, hint = refusals.weak
        raise AilyusError("weak_key", sentence, hint=hint)
    document = signed.document
    # guard: the signature of a person
    if not verify_signature(signed.signature, signed.assertion, document.message, document.digest, key):
        raise AilyusError("bad_signature", refusals.bad)
