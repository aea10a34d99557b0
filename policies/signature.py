"""The signature of a person under a document: of a key file, or a passkey's assertion."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from policies.passkey import Assertion, asserts
from policies.principal import Key


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
