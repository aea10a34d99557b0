"""Cosignatures of witnesses: timestamped Ed25519 signatures on a checkpoint (https://c2sp.org/tlog-cosignature).

A cosignature is one more signature line of the checkpoint's note. By it a witness says: of this log, this is the
largest tree that I have seen by then, and it continues every one that I cosigned before.
"""

import base64
import hashlib
import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from receipts.log.checkpoint import decode
from receipts.log.signing import verifies

_ED25519_COSIGNATURE: Final = b"\x04"
_BLOB: Final = 4 + 8 + 64
"""Bytes of a signature line: the key's hash, the time, the signature."""
NAME: Final = r"[!-*,-~]{1,200}"
"""The name of a cosigner: a URL without its scheme, in ASCII and without a space or a plus (signed-note)."""


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Whose cosignatures count: the name and the public key (raw Ed25519, 32 bytes) of a witness."""

    name: str
    public: bytes

    @property
    def key_hash(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ 0x0A ‖ 0x04 ‖ public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519_COSIGNATURE + self.public).digest()[:4]

    @property
    def verifier_key(self) -> str:
        """The key as people hand it over: `name+hash+base64(0x04 ‖ key)` (https://c2sp.org/signed-note)."""
        return f"{self.name}+{self.key_hash.hex()}+{_encode(_ED25519_COSIGNATURE + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "Cosigner":
        """Parse a verifier key. Raises `bad_settings` for one of another kind or form."""
        hint = "give the line that `ailyus witness key` prints: NAME+HASH+KEY"
        # the name may hold no plus, but the key may: two cuts, and no more
        parts = text.split("+", 2)
        if len(parts) != 3 or not re.fullmatch(NAME, parts[0]):
            raise AilyusError("bad_settings", f"`{text[:120]}` is no key of a witness", hint=hint)
        try:
            key = decode(parts[2], 33)
        except AilyusError:
            raise AilyusError("bad_settings", f"the key of the witness `{parts[0]}` is damaged", hint=hint) from None
        found = cls(parts[0], key[1:])
        if key[:1] != _ED25519_COSIGNATURE:
            raise AilyusError("bad_settings", f"the key of the witness `{parts[0]}` is of another kind", hint=hint)
        if found.key_hash.hex() != parts[1]:
            raise AilyusError("bad_settings", f"the key of the witness `{parts[0]}` does not fit its name", hint=hint)
        return found

    def cosigned(self, note: str) -> int | None:
        """When this witness cosigned the note last, in seconds since 1970; None where it did not."""
        body, _, _ = note.rpartition("\n\n")
        times = [
            seconds
            for name, blob in signature_lines(note)
            if name == self.name and (seconds := self._time_of(blob, body + "\n")) is not None
        ]
        return max(times, default=None)

    def _time_of(self, blob: bytes, body: str) -> int | None:
        if len(blob) != _BLOB or blob[:4] != self.key_hash:
            return None
        (seconds,) = struct.unpack(">Q", blob[4:12])
        holds = seconds < 1 << 63 and verifies(self.public, blob[12:], cosigned_message(body, seconds))
        return int(seconds) if holds else None  # guard: the signature of a witness


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many of which witnesses must have cosigned a checkpoint before it counts as witnessed."""

    need: int
    cosigners: tuple[Cosigner, ...]

    def among(self, note: str) -> dict[str, int]:
        """The witnesses that cosigned a note, each with the time of its cosignature in seconds."""
        found = {cosigner.name: cosigner.cosigned(note) for cosigner in self.cosigners}
        return {name: seconds for name, seconds in found.items() if seconds is not None}

    def is_met(self, note: str) -> bool:
        """Did enough of them cosign this note?"""
        return len(self.among(note)) >= self.need


def quorum_of(need: int, keys: Collection[str]) -> Quorum:
    """The quorum of witnesses with these verifier keys. Raises `bad_settings` where it can never be met."""
    cosigners = tuple(Cosigner.parse(key) for key in keys)
    hint = "name each witness once, with a key of its own, and no more in `quorum` than there are"
    if need > len(cosigners):
        raise AilyusError("bad_settings", f"{need} of {len(cosigners)} witnesses can never cosign", hint=hint)
    # one key under two names would be one witness that counts twice (tlog-cosignature)
    if len({one.name for one in cosigners}) < len(keys) or len({one.public for one in cosigners}) < len(keys):
        raise AilyusError("bad_settings", "a witness is named twice", hint=hint)
    return Quorum(need, cosigners)


def cosigned_message(body: str, seconds: int) -> bytes:
    """What a witness signs: a header line, the time, and the text of the checkpoint with its final newline."""
    return f"cosignature/v1\ntime {seconds}\n{body}".encode()


def cosign(key: Ed25519PrivateKey, name: str, body: str, seconds: int) -> str:
    """The signature line of a witness under the text of a checkpoint, with its newline."""
    cosigner = Cosigner(name, key.public_key().public_bytes_raw())
    signature = key.sign(cosigned_message(body, seconds))
    return f"— {name} {_encode(cosigner.key_hash + struct.pack('>Q', seconds) + signature)}\n"


def cosignature_lines(note: str, text: str, cosigners: Collection[Cosigner]) -> tuple[str, ...]:
    """Of the lines that a witness answered, those that hold under a note, each with its newline; others are ignored."""
    unsigned = note.rpartition("\n\n")[0] + "\n\n"
    lines = [f"{line}\n" for line in text.split("\n") if line.startswith("— ")]
    return tuple(line for line in lines if any(one.cosigned(unsigned + line) is not None for one in cosigners))


def signature_lines(note: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each well-formed signature line of a note."""
    _, separator, signatures = note.rpartition("\n\n")
    for line in signatures.split("\n") if separator else ():
        dash, _, rest = line.partition(" ")
        name, _, blob = rest.partition(" ")
        try:
            data = base64.b64decode(blob, validate=True)
        except ValueError:
            continue  # a signature of a kind that we do not know says nothing to us
        if dash == "—" and name and len(data) > 4:
            yield name, data


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
