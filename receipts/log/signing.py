"""Ed25519 keys (RFC 8032): the log's key on disk, DSSE envelopes and C2SP signed notes."""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from contracts.errors import AilyusError
from policies.principal import keyid_of
from receipts.log.signing_key import RemoteKey, SigningKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_ED25519_NOTE = b"\x01"
_PEM = re.compile(rb"-----BEGIN [A-Z ]{1,40}-----.*?-----END [A-Z ]{1,40}-----\s*", re.DOTALL)


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """DSSE's pre-authentication encoding (https://github.com/secure-systems-lab/dsse/blob/master/protocol.md).

    `DSSEv1 SP len(type) SP type SP len(body) SP body`, lengths as ASCII decimal.
    """
    kind = payload_type.encode()
    # the lengths stand before type and body, so that no byte can move from one to the other under the same signature
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope with exactly one signature.

    `{"payload":"<base64>","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"…","sig":"<base64>"}]}`
    """

    payload: bytes
    keyid: str
    signature: bytes

    def encoded(self) -> bytes:
        """The envelope as JSON bytes, keys sorted."""
        return orjson.dumps(
            {
                "payload": base64.b64encode(self.payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"keyid": self.keyid, "sig": base64.b64encode(self.signature).decode()}],
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "Envelope":
        """Parse an envelope; anything but the one canonical form is refused."""
        try:
            outer = orjson.loads(data)
            (signature,) = outer["signatures"]
            envelope = cls(
                base64.b64decode(outer["payload"], validate=True),
                str(signature["keyid"]),
                base64.b64decode(signature["sig"], validate=True),
            )
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise AilyusError("bad_proof", "this is no DSSE envelope with one signature") from None
        # one envelope in two spellings would be two texts with one signature, and only one of them was logged
        if envelope.encoded() != data:
            raise AilyusError("bad_proof", "the envelope is not in its canonical form")
        return envelope

    def leaf(self) -> bytes:
        """The log's leaf: `{"keyid":"…","payload":"<sha256 hex>","sig":"<base64>"}`; no data, so erasure is safe."""
        return orjson.dumps(
            {
                "keyid": self.keyid,
                "payload": hashlib.sha256(self.payload).hexdigest(),
                "sig": base64.b64encode(self.signature).decode(),
            }
        )

    def holds(self, keys: Mapping[str, bytes]) -> bool:
        """Does the signature verify under the trusted key (raw 32 bytes) of its key id?"""
        public = keys.get(self.keyid)
        return public is not None and verifies(public, self.signature, pae(self.payload))


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Ed25519 verification as a boolean."""
    try:
        _public_key(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# every statement of a log is verified with the same few keys
@lru_cache(maxsize=64)
def _public_key(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


@dataclass(frozen=True, slots=True)
class StatementPayload:
    """A statement that nobody has signed yet."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class _Held:
    key: SigningKey
    public: bytes
    keyid: str

    @classmethod
    def of(cls, key: SigningKey) -> "_Held":
        public = key.public_key().public_bytes_raw()
        return cls(key, public, keyid_of(public))


class Signer:
    """The private key of a log: signs envelopes and checkpoints; after a rotation with the key that came next."""

    def __init__(self, key: SigningKey) -> None:
        self._held = _Held.of(key)
        self._former: frozenset[str] = frozenset()

    @property
    def public(self) -> bytes:
        """The public key that signs now."""
        return self._held.public

    @property
    def keyid(self) -> str:
        """Its id."""
        return self._held.keyid

    def succeed(self, key: SigningKey) -> None:
        """Sign with this key from now on."""
        # one assignment: whoever signs meanwhile, in another thread, does so with one key or with the other
        former, self._held = self._held, _Held.of(key)
        self._former |= {former.keyid}

    @property
    def remote(self) -> RemoteKey | None:
        """The key that signs now, where it is held outside of this process."""
        return self._held.key if isinstance(self._held.key, RemoteKey) else None

    def envelope(self, payload: bytes) -> Envelope:
        """Sign a payload. With a remote key it waits, and raises `NoSignature`."""
        held = self._held
        return Envelope(payload, held.keyid, held.key.sign(pae(payload)))

    def prepared(self, payload: bytes) -> "Envelope | StatementPayload":
        """Sign a payload at once where nobody waits for it; else the writer of the store signs it."""
        return StatementPayload(payload) if self.remote else self.envelope(payload)

    def renewed(self, envelope: Envelope) -> Envelope:
        """The envelope, signed anew where this signer made it before its key was rotated."""
        return self.envelope(envelope.payload) if envelope.keyid in self._former else envelope

    def note(self, name: str, body: str) -> str:
        """A signed note (https://c2sp.org/signed-note): text, blank line, `— name base64(key hash ‖ signature)`."""
        held = self._held
        blob = base64.b64encode(note_key_hash(name, held.public) + held.key.sign(body.encode())).decode()
        return f"{body}\n— {name} {blob}\n"


def note_key_hash(name: str, public: bytes) -> bytes:
    """The first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)."""
    # C2SP signed-note: only a hint which key to try; four bytes prove nothing, so `open_note` verifies as well
    return hashlib.sha256(name.encode() + b"\n" + _ED25519_NOTE + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """The key of a log as mirrors and witnesses take it: `name+hash+base64(0x01 ‖ key)` (C2SP signed-note)."""
    return f"{name}+{note_key_hash(name, public).hex()}+{base64.b64encode(_ED25519_NOTE + public).decode()}"


def open_note(note: str, name: str, public: bytes) -> str:
    """The text of a note signed by this key under this name; raises `not_authentic`."""
    # the last empty line: a text may hold others, and the signatures hold none
    body, separator, signatures = note.rpartition("\n\n")
    body += "\n"
    for line in signatures.split("\n"):
        parts = line.split(" ")
        if separator and len(parts) == 3 and parts[0] == "—" and parts[1] == name:
            try:
                blob = base64.b64decode(parts[2], validate=True)
            except (binascii.Error, ValueError):
                continue
            if blob[:4] == note_key_hash(name, public) and verifies(public, blob[4:], body.encode()):
                return body
    raise AilyusError("not_authentic", "no trusted signature on the checkpoint")


def pem_of(key: Ed25519PrivateKey, passphrase: bytes | None = None) -> bytes:
    """A key as PKCS #8 PEM, encrypted when a passphrase is given."""
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def create_key(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Make a key file (PKCS #8 PEM, mode 0600), encrypted when a passphrase is given. Never overwrites."""
    key = Ed25519PrivateKey.generate()
    pem = pem_of(key, passphrase)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        # what is signed with a key that a power loss takes away can never be signed on
        os.fsync(file.fileno())
    return key


def load_key(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """The first key of a key file. Raises as `load_keys`."""
    return load_keys(path, passphrase)[0]


def load_keys(path: Path, passphrase: bytes | None = None) -> tuple[Ed25519PrivateKey, ...]:
    """Read a key file: one key, or two while one is rotated.

    Raises `AilyusError` when it is missing, open to others, or the passphrase does not fit.
    """
    try:
        if path.stat().st_mode & 0o077:
            hint = f"run `chmod 600 {path}`"
            raise AilyusError("bad_settings", f"the key file `{path.name}` can be read by others", hint=hint)
        pem = path.read_bytes()
    except FileNotFoundError:
        raise AilyusError("bad_settings", f"there is no key file `{path}`", hint="run `ailyus init`") from None
    return parse_keys(pem, passphrase)


def parse_key(pem: bytes, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """A key from its PEM. Raises `AilyusError` when it is none, or the passphrase does not fit."""
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError):
        raise AilyusError("bad_settings", "the key does not open", hint="check the passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AilyusError("bad_settings", "the key is not an Ed25519 key", hint="make one with `ailyus init`")
    return key


def parse_keys(pem: bytes, passphrase: bytes | None = None) -> tuple[Ed25519PrivateKey, ...]:
    """Every key of a text that holds one PEM after another (RFC 7468). Raises as `parse_key`."""
    return tuple(parse_key(one, passphrase) for one in _PEM.findall(pem) or [pem])


def is_encrypted(path: Path) -> bool:
    """True when the key file asks for a passphrase."""
    return b"ENCRYPTED" in path.read_bytes()[:64]
