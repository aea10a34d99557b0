"""The trusted roots of a verifier: the name of a log and its public keys, which never come from the file."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.errors import AilyusError
from contracts.text.repeated_keys import refuse_repeated
from contracts.text.source import MalformedSource, read_bytes
from policies.principal import keyid_of
from receipts.log.checkpoint import Checkpoint
from receipts.log.signing import open_note


class Roots(BaseModel):
    """What the verifier trusts: the log's name and its public keys (key id → raw Ed25519 key as hex)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: str
    keys: dict[str, str]

    @property
    def raw(self) -> dict[str, bytes]:
        """The keys as bytes."""
        return {keyid: bytes.fromhex(key) for keyid, key in self.keys.items()}


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
    for key in roots.raw.values():
        try:
            checkpoint = Checkpoint.parse(open_note(note, roots.origin, key))
        except AilyusError:
            continue
        # the signature names the log, and the text must name the same one
        if checkpoint.origin == roots.origin:
            return checkpoint
    raise AilyusError("not_authentic", "the checkpoint is not signed by a trusted key")
