"""A sealed value, and the key that seals and opens it: AES-256-GCM (NIST SP 800-38D).

A sealed value is `00 61 65 44`, the key's id (8 bytes), a nonce (12 random bytes), then the ciphertext with its tag. A
commitment's evidence begins `00 61 65 53` instead, and its salt is sealed in front of it: else somebody could guess
what was erased and try the guess on the commitment. A sealed text is that in Base64 behind `sealed:`.
"""

import base64
import binascii
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.canonical import SALT_BYTES
from receipts.store.row import Row, Value

_DATA: Final = b"\0aeD"
_SALTED: Final = b"\0aeS"
_TEXT: Final = "sealed:"
_ID: Final = slice(4, 12)
_NONCE: Final = slice(12, 24)
_OVERHEAD: Final = 24 + 16 + SALT_BYTES


@dataclass(frozen=True, slots=True)
class DataKey:
    """The key of one action, by which its values are sealed and opened."""

    id: int
    cipher: AESGCM

    def sealed(self, data: bytes, salt: bytes = b"") -> bytes:
        """A value as it is kept; with the salt of its commitment, if it has one."""
        nonce, begin = os.urandom(12), _SALTED if salt else _DATA
        return begin + self.id.to_bytes(8) + nonce + self.cipher.encrypt(nonce, salt + data, begin)

    def opened(self, sealed: bytes) -> bytes | None:
        """What was sealed, behind its salt; None where it was changed."""
        try:
            return self.cipher.decrypt(sealed[_NONCE], sealed[24:], sealed[:4])
        except (InvalidTag, ValueError):
            return None


def new_key_id() -> int:
    """An id that is larger than those before, so that the table grows at its end; below 2^63."""
    return (time.time_ns() // 1_000_000 << 21) | int.from_bytes(os.urandom(3)) >> 3


def wrap(by: AESGCM, key: bytes, name: str) -> bytes:
    """A key under another key, bound to its name."""
    nonce = os.urandom(12)
    return nonce + by.encrypt(nonce, key, name.encode())


def unwrap(by: AESGCM, wrapped: bytes, name: str) -> bytes | None:
    """A key that was wrapped; None where it is another one's."""
    try:
        return by.decrypt(wrapped[:12], wrapped[12:], name.encode())
    except (InvalidTag, ValueError):
        return None


def text_of(sealed: bytes) -> str:
    """A sealed value for a column of text."""
    return _TEXT + base64.b64encode(sealed).decode()


def is_sealed(value: Value) -> bool:
    """Was this read without being opened, since its key is not there or it was changed?"""
    return key_of(value) is not None


def overhead_of(begin: bytes) -> int:
    """Bytes by which evidence that begins so is longer than what was sealed; 0 where it is not sealed."""
    return _OVERHEAD if begin == _SALTED else 0


def key_of(value: Value) -> int | None:
    """The id of the key that a sealed value needs; None where it is not sealed."""
    if type(value) is bytes and len(value) > _NONCE.stop:
        return int.from_bytes(value[_ID]) & (2**63 - 1) if value[:4] in (_DATA, _SALTED) else None
    if type(value) is str and value.startswith(_TEXT):
        data = _bytes_of(value)
        return None if data is None else key_of(data)
    return None


def _bytes_of(text: str) -> bytes | None:
    try:
        return base64.b64decode(text[len(_TEXT) :], validate=True)
    except (binascii.Error, ValueError):
        return None


def opened_row(row: Row, keys: Mapping[int, DataKey]) -> Row:
    """A row with what these keys sealed opened."""
    values = list(row)
    for place, value in enumerate(row):
        key = keys.get(id_) if (id_ := key_of(value)) is not None else None
        if key is None:
            continue
        is_text = isinstance(value, str)
        sealed = _bytes_of(value) if isinstance(value, str) else value
        data = key.opened(sealed) if isinstance(sealed, bytes) else None
        if data is None or sealed is None:
            continue
        if isinstance(sealed, bytes) and sealed[:4] == _SALTED:
            # the salt stands in the column before it, as every query asks for them
            if place and row[place - 1] == b"":
                values[place - 1] = data[:SALT_BYTES]
            data = data[SALT_BYTES:]
        values[place] = data.decode() if is_text else data
    return tuple(values)
