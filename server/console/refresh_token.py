"""A refresh token of the identity provider as the store keeps it: encrypted, and bound to its subject."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def hidden(subject: str, refresh: str, key: bytes) -> bytes:
    """A refresh token under a key of the deployment: AES-256-GCM, the nonce before it, the subject bound to it."""
    if not refresh:
        return b""
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, refresh.encode(), subject.encode())


def revealed(subject: str, sealed: bytes, key: bytes) -> str:
    """The refresh token; empty where there is none, or where it was kept for somebody else."""
    if not sealed:
        return ""
    cipher = AESGCM(key)
    try:
        return cipher.decrypt(sealed[:12], sealed[12:], subject.encode()).decode()
    except InvalidTag:  # of another subject, or edited: as if the provider had never been asked
        return ""
