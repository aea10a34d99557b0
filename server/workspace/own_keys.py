"""The gateway's own keys as they are listed: which there were, since when each counts, and where it is read from."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import orjson

from contracts.errors import AilyusError
from receipts.journal.secret_vault import mark_of
from receipts.log.log_keys import LogKey, LogKeys
from receipts.log.rotation import MARK
from receipts.log.signing import Envelope, Signer, verifier_key
from receipts.log.signing_key import RemoteKey, SigningKey
from receipts.statement import entries
from receipts.store.row import Read
from server.workspace.log_key import held_log_keys
from server.workspace.roots import trusted_keys
from server.workspace.settings.store import StorePart
from server.workspace.stores import held_sealing_keys, is_made, reading

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

KeyUse = Literal["log", "secrets"]
KeyState = Literal["in use", "retired", "next", "missing"]


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One key. `since` is the time (UTC) and `first` the leaf from which it counts; `source` is where it is read.

    `verifier_key` is the line by which mirrors and witnesses know a key of the log.
    """

    kind: KeyUse
    keyid: str
    state: KeyState
    since: str
    first: int | None
    source: str
    verifier_key: str = ""


def own_keys(workspace: "Workspace") -> list[OwnKey]:
    """The keys of the log in its order, then what is held and not used yet. Raises `AilyusError`."""
    return [*_of_log(workspace), *_of_secrets(workspace)]


def _of_log(workspace: "Workspace") -> Iterator[OwnKey]:
    source, origin = workspace.settings.log.key, workspace.settings.origin
    try:
        held = {Signer(key).keyid: _place(key, source) for key in held_log_keys(workspace)}
    except AilyusError:
        held = {}
    known: tuple[LogKey, ...] = ()
    times: dict[int, str] = {}
    if workspace.settings.has_database or workspace.store.exists():
        with reading(workspace) as read:
            known = trusted_keys(workspace, read).keys
            times = {key.first: _since(read, key) for key in known} if is_made(workspace, read) else {}
    for key in known:
        place = held.get(key.keyid, "")
        state: KeyState = "retired" if key.end is not None else "in use" if place else "missing"
        yield OwnKey(
            "log", key.keyid, state, times.get(key.first, ""), key.first, place, verifier_key(origin, key.public)
        )
    for keyid, place in held.items():
        if keyid not in {key.keyid for key in known}:
            yield OwnKey("log", keyid, "next", "", None, place)


def _place(key: SigningKey, source: str) -> str:
    return f"[log.signers.{key.name}]" if isinstance(key, RemoteKey) else source


def _of_secrets(workspace: "Workspace") -> Iterator[OwnKey]:
    """The key that seals, its former ones as the log names them, and one that comes next."""
    source = (workspace.settings.store or StorePart()).secrets
    held = held_sealing_keys(workspace)
    keys = held if isinstance(held, tuple) else (held.read_bytes(),) if held.exists() else ()
    names = [mark_of(key)[:32] for key in keys]
    rotations: list[tuple[str, str, str, int]] = []
    if workspace.settings.has_database or workspace.store.exists():
        with reading(workspace) as read:
            trusted = trusted_keys(workspace, read)
            rotations = list(_secret_rotations(read, trusted)) if is_made(workspace, read) else []
    present = rotations[-1][0] if rotations else (names[0] if names else "")
    first = rotations[0][1] if rotations else present
    known = [(first, "", None), *((keyid, since, leaf) for keyid, _, since, leaf in rotations)]
    for keyid, since, leaf in known:
        state: KeyState = "retired" if keyid != present else "in use" if keyid in names else "missing"
        if keyid:
            yield OwnKey("secrets", keyid, state, since, leaf, source if keyid in names else "")
    for keyid in names:
        if keyid not in {one[0] for one in known}:
            yield OwnKey("secrets", keyid, "next", "", None, source)


def _secret_rotations(read: Read, trusted: LogKeys) -> Iterator[tuple[str, str, str, int]]:
    """Each rotation that a key of the log signed: the new key, the former, when, and at which leaf."""
    for entry in entries.of_kind(read, "rotation", MARK):
        envelope = Envelope.decode(entry.envelope)
        about = orjson.loads(envelope.payload)["predicate"]["about"]
        if about["of"] == "secrets" and trusted.holds(envelope, entry.leaf_index):
            yield about["keyid"], about["formerKeyid"], _time(entry.at_ms), entry.leaf_index


def _time(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _since(read: Read, key: LogKey) -> str:
    """When the statement was signed by which it came, or the first one that it signed."""
    found = entries.after(read, max(key.first - 1, 0) - 1, 1)
    return _time(found[0].at_ms) if found else ""
