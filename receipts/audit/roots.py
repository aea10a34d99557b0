"""The trusted roots of a verifier: the name of a log and its public keys, which never come from the file."""

from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import AilyusError
from contracts.text.repeated_keys import refuse_repeated
from contracts.text.source import MalformedSource, read_bytes
from policies.principal import keyid_of
from receipts.log.checkpoint import Checkpoint
from receipts.log.cosignature import Quorum, quorum_of
from receipts.log.log_keys import LogKey, LogKeys


class RootRange(BaseModel):
    """The part of the log that a key signs: from leaf `first` on, before `end`; null while it signs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    first: int = Field(ge=0)
    end: int | None = None


class WitnessRoots(BaseModel):
    """The witnesses that a verifier trusts, by their verifier keys, and how many of them must have cosigned."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    quorum: int = Field(ge=1, le=100)
    # lax: in JSON a tuple is a list
    cosigners: tuple[str, ...] = Field(min_length=1, max_length=100, strict=False)

    @property
    def trusted(self) -> Quorum:
        """The witnesses. Raises `bad_settings` for a key that is none."""
        return quorum_of(self.quorum, self.cosigners)


class Roots(BaseModel):
    """What the verifier trusts: the log's name and its public keys (key id → raw Ed25519 key as hex).

    A key without a range may sign anywhere, until a rotation in the log ends that. Without `witness` a checkpoint
    counts that nobody but the log signed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: str
    keys: dict[str, str]
    ranges: dict[str, RootRange] = Field(default_factory=dict)
    witness: WitnessRoots | None = None

    @classmethod
    def of(cls, origin: str, trusted: LogKeys, witness: WitnessRoots | None = None) -> "Roots":
        """What a verifier needs who is to trust these keys; a key that was never rotated has no range."""
        one = len(trusted.keys) == 1
        return cls(
            origin=origin,
            keys={key.keyid: key.public.hex() for key in trusted.keys},
            ranges={} if one else {key.keyid: RootRange(first=key.first, end=key.end) for key in trusted.keys},
            witness=witness,
        )

    @property
    def trusted(self) -> LogKeys:
        """The keys, each with its part of the log."""
        anywhere = RootRange(first=0)
        parts = ((keyid, key, self.ranges.get(keyid, anywhere)) for keyid, key in self.keys.items())
        return LogKeys(tuple(LogKey(keyid, bytes.fromhex(key), part.first, part.end) for keyid, key, part in parts))

    @property
    def quorum(self) -> Quorum | None:
        """The witnesses that must have cosigned; None where none is trusted."""
        return self.witness.trusted if self.witness is not None else None

    def encoded(self) -> bytes:
        """The file's bytes."""
        return orjson.dumps(self.model_dump(exclude_defaults=True), option=orjson.OPT_INDENT_2) + b"\n"


MAX_ROOTS = 1024 * 1024
"""Bytes that a file of trusted roots may have."""


def read_roots(path: Path) -> Roots:
    """The trusted roots from a file; raises `AilyusError` `bad_proof` naming what is wrong with it."""
    try:
        data = read_bytes(path, MAX_ROOTS)
        refuse_repeated(data, "bad_proof", f"`{path}`")
        roots = Roots.model_validate_json(data)
    except (MalformedSource, ValidationError):
        hint = "give the roots.json that the gateway's people handed you: --trust roots.json"
        raise AilyusError("bad_proof", f"`{path}` holds no trusted roots", hint=hint) from None
    for keyid, key in roots.keys.items():
        if not _is_key(keyid, key):
            hint = "a trusted key is 32 bytes in hex, under the id that its SHA-256 begins with"
            raise AilyusError("bad_proof", f"`{path}`: the key `{keyid[:64]}` is no trusted key", hint=hint)
    for keyid, part in roots.ranges.items():
        if keyid not in roots.keys or (part.end is not None and part.end <= part.first):
            hint = 'a range is of a trusted key, and ends after it begins: {"first": 0, "end": 42}'
            raise AilyusError("bad_proof", f"`{path}`: the range of `{keyid[:64]}` is none", hint=hint)
    try:
        _ = roots.quorum
    except AilyusError as error:
        raise AilyusError("bad_proof", f"`{path}`: {error.sentence}", hint=error.hint) from None
    return roots


def _is_key(keyid: str, key: str) -> bool:
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        return False
    # upper case would be a second text of the same key
    return len(raw) == 32 and raw.hex() == key and keyid_of(raw) == keyid


def signed_checkpoint(note: str, roots: Roots) -> Checkpoint:
    """The tree head of a note that a trusted key signed. Raises `not_authentic`."""
    return roots.trusted.signed(note, roots.origin)[0]
