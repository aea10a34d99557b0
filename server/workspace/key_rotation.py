"""The rotation of the gateway's own keys by a command: of the log's where no gateway runs here, of secrets where none
runs at all.

The key of secrets, like the log's, stands beside the former one before the store says that it is used, and is alone
in its place after that.
"""

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.journal.secret_rotation import SecretRotationRecord, rotate_secrets
from receipts.journal.secret_vault import KEY_BYTES, checked_key, mark_of
from receipts.log.signing import Signer
from server.workspace.key_file import keep_key, replace_key
from server.workspace.log_key import open_log_key
from server.workspace.log_key_rotation import LogKeyRotation, rotate_log
from server.workspace.settings.store import StorePart
from server.workspace.stores import (
    held_sealing_keys,
    open_store,
    opened_journal,
    require_alone,
    sealing_file,
    sealing_key,
)

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SecretKeyRotation:
    """What was done: the rotation, None where only an earlier one was ended; the key's id, and what to do next."""

    record: SecretRotationRecord | None
    keyid: str
    following: str


async def rotate_sealing_key(workspace: "Workspace", by: str, reason: str) -> SecretKeyRotation:
    """Seal all secrets of the store with a new key, while no gateway uses it. Raises `AilyusError`.

    A rotation that was cut short after its commit is ended instead.
    """
    await require_alone(workspace)
    signer = Signer(await asyncio.to_thread(open_log_key, workspace))
    store = await asyncio.to_thread(open_store, workspace, signer)
    try:
        journal = Journal(store, signer, sealing_key(workspace))
        await journal.load()
        present, record = journal.handles.mark, None
        held = _held(workspace)
        # with two keys, the second of which is marked, everything is sealed with it already
        if len(held) == 1 or mark_of(held[0]) == present:
            new = _prepared(workspace, held)
            record = await rotate_secrets(journal, new, by, reason)
            present = mark_of(new)
    finally:
        await store.aclose()
    return SecretKeyRotation(record, present[:32], _retired(workspace, present))


def _held(workspace: "Workspace") -> tuple[bytes, ...]:
    held = held_sealing_keys(workspace)
    if isinstance(held, tuple):
        return held
    return (checked_key(held.read_bytes(), held.name),)


def _prepared(workspace: "Workspace", held: tuple[bytes, ...]) -> bytes:
    """The key that comes next; made beside the present one where that is a file."""
    if len(held) == 2:
        return checked_key(held[1])
    path, place = sealing_file(workspace), (workspace.settings.store or StorePart()).secrets
    if path is None:
        hint = f"make one (`openssl rand -base64 32`), put it after the present one at `{place}`, and run this again"
        raise AilyusError("bad_settings", f"there is no new key at `{place}`", hint=hint)
    key = os.urandom(KEY_BYTES)
    replace_key(path, held[0] + key)
    return key


def _retired(workspace: "Workspace", present: str) -> str:
    path, held = sealing_file(workspace), _held(workspace)
    if path is None:
        place = (workspace.settings.store or StorePart()).secrets
        return f"take the former key away from `{place}`"
    former = [key for key in held if mark_of(key) != present]
    kept = [path.with_name(f"{path.stem}-{mark_of(key)[:32]}{path.suffix}") for key in former]
    for file, key in zip(kept, former, strict=True):
        keep_key(file, key)
    replace_key(path, next(key for key in held if mark_of(key) == present))
    names = ", ".join(f"`{os.path.relpath(file, workspace.root)}`" for file in kept)
    return f"the former key is kept as {names}: only a backup from before needs it"


async def rotate_here(workspace: "Workspace", by: str, reason: str) -> LogKeyRotation:
    """Rotate the log's key in the store itself: a file that nobody uses, or a database, as one of its replicas."""
    async with opened_journal(workspace, make_key=True) as journal:
        return await rotate_log(workspace, journal, by, reason)
