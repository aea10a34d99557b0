"""The gateway's own keys as they are listed: which there were, since when each counts, and where it is read from."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from contracts.errors import AilyusError
from receipts.log.log_keys import LogKey
from receipts.log.signing import Signer
from receipts.statement import entries
from receipts.store.row import Read
from server.workspace.log_key import held_log_keys
from server.workspace.roots import trusted_keys
from server.workspace.stores import is_made, reading

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

KeyUse = Literal["log", "secrets"]
KeyState = Literal["in use", "retired", "next", "missing"]


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One key. `since` is the time (UTC) and `first` the leaf from which it counts; `source` is where it is read."""

    kind: KeyUse
    keyid: str
    state: KeyState
    since: str
    first: int | None
    source: str


def own_keys(workspace: "Workspace") -> list[OwnKey]:
    """The keys of the log in its order, then what is held and not used yet. Raises `AilyusError`."""
    return list(_of_log(workspace))


def _of_log(workspace: "Workspace") -> Iterator[OwnKey]:
    source = workspace.settings.log.key
    try:
        held = [Signer(key).keyid for key in held_log_keys(workspace)]
    except AilyusError:
        held = []
    known: tuple[LogKey, ...] = ()
    times: dict[int, str] = {}
    if workspace.settings.has_database or workspace.store.exists():
        with reading(workspace) as read:
            known = trusted_keys(workspace, read).keys
            times = {key.first: _since(read, key) for key in known} if is_made(workspace, read) else {}
    for key in known:
        place = source if key.keyid in held else ""
        state: KeyState = "retired" if key.end is not None else "in use" if place else "missing"
        yield OwnKey("log", key.keyid, state, times.get(key.first, ""), key.first, place)
    for keyid in held:
        if keyid not in {key.keyid for key in known}:
            yield OwnKey("log", keyid, "next", "", None, source)


def _since(read: Read, key: LogKey) -> str:
    """When the statement was signed by which it came, or the first one that it signed."""
    found = entries.after(read, max(key.first - 1, 0) - 1, 1)
    at = dt.datetime.fromtimestamp(found[0].at_ms / 1000, dt.UTC) if found else None
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else ""
