"""A public key as people hand it over: SubjectPublicKeyInfo as PEM (RFC 8410), as `openssl pkey -pubout` prints it."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def parse_public_key(text: str) -> Ed25519PublicKey:
    """The Ed25519 key of a PEM. Raises `ValueError`, whose text people may read."""
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("it is no public key as PEM: `openssl pkey -pubout` prints one") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is no Ed25519 key, and the log is signed with nothing else")
    return key
