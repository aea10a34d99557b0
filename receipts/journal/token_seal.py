"""The seal of kept tokens: AES-256-GCM under a key of the store's secrets, each bound to its place.

The additional data (NIST SP 800-38D) is the grant and the kind of token, so that a sealed token means nothing in
another row or column.
"""

import os
from typing import Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from receipts.journal.secret_vault import SecretVault

TokenKind = Literal["access", "refresh"]
_NONCE: Final = 12
_PURPOSE: Final = b"ailyus-grants"


class TokenSeal:
    """Seals and opens the tokens of one store, the same at every replica."""

    def __init__(self, vault: SecretVault) -> None:
        self._cipher = AESGCM(vault.derived(_PURPOSE))

    def sealed(self, grant: str, kind: TokenKind, token: str) -> bytes:
        """A token as it is kept; empty where there is none."""
        if not token:
            return b""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, token.encode(), _place(grant, kind))

    def opened(self, grant: str, kind: TokenKind, sealed: bytes) -> str:
        """The token; empty where there is none, or where it was sealed for another place or under another key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(grant, kind)).decode()
        except (InvalidTag, ValueError):
            return ""


def _place(grant: str, kind: TokenKind) -> bytes:
    return f"{grant}\n{kind}".encode()
