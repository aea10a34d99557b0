"""The file of trusted roots beside a workspace, which people hand over to whoever verifies."""

import contextlib
import os
from typing import TYPE_CHECKING

from contracts.errors import AilyusError
from receipts.audit.roots import Roots, read_roots
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Signer
from receipts.store.key_history import keys_from, keys_to
from receipts.store.row import Read
from receipts.store.store import Store
from server.workspace.log_key import ROOTS, open_log_key
from server.workspace.stores import is_made

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace


def check_roots(workspace: "Workspace", store: Store) -> None:
    """Raise unless `roots.json`, where there is one, names this log and a key that it was signed with."""
    path = workspace.root / ROOTS
    if not path.exists():
        return
    roots = read_roots(path)
    if roots.origin != store.origin or not _fits(roots, store.keys):  # guard: trusted roots
        hint = (
            "restore the key or the `origin` that it belongs to; if the new one is meant, move roots.json away and "
            "hand the new file to everybody who verifies"
        )
        raise AilyusError("bad_settings", f"`{ROOTS}` names another key or origin than this gateway has", hint=hint)


def trusted_keys(workspace: "Workspace", read: Read | None = None) -> LogKeys:
    """The public keys of this workspace's log: those of `roots.json`, and those that its log names after.

    They ask for no passphrase where there is such a file.
    """
    path = workspace.root / ROOTS
    has_log = read is not None and is_made(workspace, read)
    if path.exists():
        trusted = read_roots(path).trusted
        return keys_from(read, trusted) if read is not None and has_log else trusted
    signer = Signer(open_log_key(workspace, make=False))
    return keys_to(read, signer, workspace.settings.origin) if read is not None and has_log else LogKeys.of(signer)


def write_roots(workspace: "Workspace", store: Store, *, extend: bool = False) -> None:
    """Write what a verifier needs to trust. What is there is replaced only to `extend` it by what the log says.

    The witnesses that the file names stay; a new file names those of the settings.
    """
    path = workspace.root / ROOTS
    part = workspace.settings.witness
    witness = part.roots if part is not None else None
    if path.exists():
        if not extend:
            return
        check_roots(workspace, store)
        witness = read_roots(path).witness
    whole = path.with_name(f".{ROOTS}.{os.getpid()}")  # a half one would be refused for ever
    try:
        whole.write_bytes(Roots.of(store.origin, store.keys, witness).encoded())
    except OSError:
        hint = "start the gateway once where it may write there, and keep the file with the workspace"
        raise AilyusError("bad_settings", f"`{ROOTS}` is missing and cannot be written", hint=hint) from None
    if extend:
        os.replace(whole, path)
        return
    with contextlib.suppress(FileExistsError):  # another replica was first
        os.link(whole, path)
    whole.unlink()


def trust_witnesses(workspace: "Workspace") -> Roots:
    """Let `roots.json` name the witnesses of the settings, and nothing else of it change. Raises `bad_settings`."""
    path, part = workspace.root / ROOTS, workspace.settings.witness
    if part is None:
        hint = "add [witness] to ailyus.toml, with the keys that `ailyus witness key` printed"
        raise AilyusError("bad_settings", "the settings name no witness", hint=hint)
    roots = read_roots(path).model_copy(update={"witness": part.roots})
    whole = path.with_name(f".{ROOTS}.{os.getpid()}")
    whole.write_bytes(roots.encoded())
    os.replace(whole, path)
    return roots


def _fits(roots: Roots, known: LogKeys) -> bool:
    """Is a key of the log trusted, and is what the roots say of the parts of keys what the log says?"""
    chain = {key.keyid: key for key in known.keys}
    common = [key for key in roots.trusted.keys if key.keyid in chain and chain[key.keyid].public == key.public]
    if not roots.ranges:
        return bool(common)
    # a log that came out of a backup from before a rotation goes on otherwise than the roots say
    return len(common) == len(roots.keys) and all(
        chain[key.keyid].first == key.first and key.end in (None, chain[key.keyid].end) for key in common
    )
