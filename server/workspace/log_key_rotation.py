"""The rotation of the log's key in a workspace: the new key is in its place before the log says that it signs.

While a key is rotated, both are where `[log] key` is read from, one PEM after the other. Whoever starts takes the one
that signed the newest checkpoint, so whenever a process dies, either key or the other goes on. A file is written here;
what another source holds, people put there.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.credentials.reference import CredentialReference
from contracts.errors import AilyusError
from receipts.journal.log_rotation import RotationRecord, rotate_log_key
from receipts.log.signing import Signer, pem_of
from receipts.log.signing_key import RemoteKey, SigningKey
from server.workspace.key_file import keep_key, replace_key
from server.workspace.log_key import held_log_keys, key_file, passphrase_of
from server.workspace.roots import write_roots

if TYPE_CHECKING:
    from receipts.journal.journal import Journal
    from receipts.store.store import Store
    from server.workspace.workspace import Workspace

_MAKE: Final = "openssl genpkey -algorithm ed25519"


@dataclass(frozen=True, slots=True)
class LogKeyRotation:
    """What was done: the rotation, None where only an earlier one was ended; the keys' ids, and what to do next."""

    record: RotationRecord | None
    keyid: str
    former: str
    following: str


async def rotate_log(workspace: "Workspace", journal: "Journal", by: str, reason: str) -> LogKeyRotation:
    """Let a new key sign the log from now on. Raises `AilyusError`; then the former one still signs.

    A rotation that was cut short after its commit is ended instead.
    """
    store = journal.store
    held = await asyncio.to_thread(held_log_keys, workspace)
    former = [key for key in held if Signer(key).keyid in store.keys.public and Signer(key).keyid != store.signer.keyid]
    if former and len(held) == len(former) + 1:
        following = await asyncio.to_thread(_retire, workspace, store, held)
        return LogKeyRotation(None, store.signer.keyid, Signer(former[-1]).keyid, following)
    own = store.signer.keyid
    key = await asyncio.to_thread(prepare_log_key, workspace, own)
    record = await rotate_log_key(journal, key, by, reason)
    held = await asyncio.to_thread(held_log_keys, workspace)
    following = await asyncio.to_thread(_retire, workspace, store, held)
    return LogKeyRotation(record, record.keyid, record.former, following)


def prepare_log_key(workspace: "Workspace", own: str) -> SigningKey:
    """The key that comes after the one with this id; made beside it, durably, where it is a file and none is there.

    Raises `bad_settings` with what to put where.
    """
    held, path = held_log_keys(workspace), key_file(workspace)
    ours = [key for key in held if Signer(key).keyid == own]
    others = [key for key in held if Signer(key).keyid != own]
    if len(ours) != 1 or len(others) > 1:
        hint = f"`{workspace.settings.log.key}` and [log.signers] hold the present key and the new one; nothing else"
        raise AilyusError("bad_settings", f"{len(held)} keys of the log are there, without a present one", hint=hint)
    if others:
        return others[0]
    present = ours[0]
    if not isinstance(present, Ed25519PrivateKey):
        # a key in a file instead of a signer weakens the log: nobody gets one by leaving a table out
        hint = f"name its signer under [log.signers], or put a key at `{workspace.settings.log.key}` (`{_MAKE}`)"
        raise AilyusError("bad_settings", "there is no key to follow that of the signer", hint=hint)
    if path is None:
        place, sealed = workspace.settings.log.key, workspace.settings.log.passphrase
        same = (
            "" if CredentialReference.parse(sealed).kind == "none" else f" encrypted as the present one (`{sealed}`),"
        )
        hint = f"make one (`{_MAKE}`),{same} put its PEM after that of the present key at `{place}`, and run this again"
        raise AilyusError("bad_settings", f"there is no new key at `{place}`", hint=hint)
    key, passphrase = Ed25519PrivateKey.generate(), passphrase_of(workspace)
    replace_key(path, pem_of(present, passphrase) + pem_of(key, passphrase))
    return key


def _retire(workspace: "Workspace", store: "Store", held: tuple[SigningKey, ...]) -> str:
    """Keep former keys beside, leave the new one alone in its place, and say what is left to do."""
    write_roots(workspace, store, extend=True)
    path, passphrase = key_file(workspace), passphrase_of(workspace)
    own = next(key for key in held if Signer(key).keyid == store.signer.keyid)
    former = [key for key in held if key is not own]
    tables = ", ".join(f"[log.signers.{key.name}]" for key in former if isinstance(key, RemoteKey))
    if tables:
        return f"take {tables} out of ailyus.toml when every replica has been seen ready, and disable its key"
    if path is None:
        return f"take the former key away from `{workspace.settings.log.key}` when every replica has been seen ready"
    read = [key for key in former if isinstance(key, Ed25519PrivateKey)]
    kept = [former_file(path, Signer(key).keyid) for key in read]
    for place, key in zip(kept, read, strict=True):
        keep_key(place, pem_of(key, passphrase))
    if isinstance(own, Ed25519PrivateKey):
        replace_key(path, pem_of(own, passphrase))
    else:
        path.unlink()  # the signer signs now; the former key is kept beside
    names = ", ".join(f"`{os.path.relpath(place, workspace.root)}`" for place in kept)
    return f"the former key is kept as {names}: only a backup from before needs it"


def former_file(path: Path, keyid: str) -> Path:
    """Where a former key is kept beside the file of the one that signs."""
    return path.with_name(f"{path.stem}-{keyid}{path.suffix}")
