"""The check of a backup: what its log is, computed from its leaves, and whether a trusted key signed that.

It reads the file alone: no gateway, no network, nothing of the workspace but the keys that the caller trusts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.log_keys import LogKeys
from receipts.log.merkle import Frontier, leaf_hash
from receipts.log.signing import Envelope
from receipts.store.key_history import keys_from
from receipts.store.log_tables import hashes_between, newest_note, nodes_by
from receipts.store.progress import tell
from receipts.store.row import Read, blob, integer
from receipts.store.sqlite_file import snapshot
from receipts.store.sqlite_schema import SCHEMA_VERSION

_STATEMENTS: Final = "SELECT leaf_index, envelope FROM statements WHERE leaf_index > ? ORDER BY leaf_index LIMIT 500"
_TOLD: Final = 500
"""Leaves after which whoever watches is told: more often costs more than the leaves."""


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """What a backup holds: the head of its log, the key that signed that, and how many actions are open."""

    size: int
    root: str
    keyid: str
    note: str
    open: int


def check_backup(path: Path, origin: str, keys: LogKeys) -> BackupSummary:
    """Verify a backup under trusted keys. Raises `not_found`, `store_corrupt` or `not_authentic`."""
    if not path.is_file():
        raise AilyusError("not_found", f"there is no file `{path}`", hint="name a file of `ailyus store backup`")
    with snapshot(path) as read:
        ((intact,),) = read("PRAGMA quick_check(1)")
        if intact != "ok":
            raise AilyusError("store_corrupt", f"`{path.name}` is damaged", hint="take another backup")
        ((version,),) = read("PRAGMA user_version")
        if integer(version) > SCHEMA_VERSION:
            raise AilyusError("store_newer", f"`{path.name}` has version {version!s}, newer than {SCHEMA_VERSION}")
        note = newest_note(read)
        if not note:
            raise AilyusError("store_corrupt", f"`{path.name}` holds no log", hint="take another backup")
        end = Checkpoint.of_note(note)
        keyid = _signed_by(note, origin, keys_from(read, keys))
        _require_log(read, end)
        ((open_,),) = read("SELECT count(*) FROM actions WHERE state <> 'ended'")
        return BackupSummary(end.size, end.root.hex(), keyid, note, integer(open_))


def _signed_by(note: str, origin: str, keys: LogKeys) -> str:
    try:
        return keys.signed(note, origin)[1]
    except AilyusError:
        hint = "put the `roots.json` and the log's key of the backup's own workspace into this one first"
        sentence = "the backup's checkpoint is not signed by a trusted key"
        raise AilyusError("not_authentic", sentence, hint=hint) from None


def _require_log(read: Read, end: Checkpoint) -> None:
    """The leaves, and the nodes that the gateway goes on from, both give the signed root."""
    frontier = Frontier(0, [])
    for leaf in _leaves(read):
        frontier.append(leaf)
        if frontier.size % _TOLD == 0:
            tell(frontier.size, end.size)
    computed = frontier.size, frontier.root()
    # guard: the root of a backup
    if computed != (end.size, end.root) or Frontier.of(end.size, nodes_by(read)).root() != end.root:
        raise _changed()


def _leaves(read: Read) -> Iterator[bytes]:
    last = -1
    while rows := read(_STATEMENTS, last):
        for row, envelope in rows:
            leaf = integer(row)
            # of what is in an archive only the hashes are here
            between = hashes_between(read, last + 1, leaf) if leaf > last + 1 else []
            if [archived for archived, _ in between] != list(range(last + 1, leaf)):
                raise _changed()
            yield from (hashed for _, hashed in between)
            last = leaf
            yield leaf_hash(Envelope.decode(blob(envelope)).leaf())


def _changed() -> AilyusError:
    hint = "`ailyus audit` says what was changed in the store; take a backup of its newest good copy"
    return AilyusError("store_corrupt", "the statements do not give the root of their checkpoint", hint=hint)
