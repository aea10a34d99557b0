"""The head of the log in a database: its frontier there, and the file that remembers which database and head it was."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson

from contracts.errors import AilyusError
from receipts.log.merkle import Frontier, peaks_of, range_hash
from receipts.store.log_tables import frontier_at, nodes_by
from receipts.store.row import Read, blob

ANOTHER: Final = "the database is another one, or was promoted"
IDENTITY: Final = (
    "SELECT system_identifier::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system()"
)
"""The cluster, and its timeline: the first 8 digits of a WAL file's name, which a promotion raises."""
_FIELDS: Final = frozenset(("system", "timeline", "size", "root"))


def signed_frontier(read: Read, size: int, require_own: Callable[[str, Read], None]) -> Frontier:
    """The frontier at a size, by the checkpoint that our own key signed there, in two queries."""
    if not size:
        return Frontier(0, [])
    rows = read("SELECT note FROM checkpoints WHERE size = ?", size)
    if not rows:
        raise AilyusError("store_corrupt", f"there is no checkpoint at {size}")
    note = str(rows[0][0])
    require_own(note, read)
    places = peaks_of(size)
    # every replica reads this after each commit of another one: all peaks are asked for at once
    sql = "SELECT level, idx, hash FROM nodes WHERE (level, idx) IN (VALUES {})".format(
        ", ".join("(CAST(? AS BIGINT), CAST(? AS BIGINT))" for _ in places)
    )
    found = {(row[0], row[1]): blob(row[2]) for row in read(sql, *(n for p in places for n in p))}
    return frontier_at(size, note, lambda level, index: found.get((level, index), b""))


class DatabaseHead:
    """The file beside a replica, in JSON: the database's identity, and the size and root of its log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: dict[str, str] = {}
        self._replaces = False

    def refuse_another(self, read: Read, frontier: Frontier) -> None:
        """Raise `store_rewound` where it is not the database that was seen; else remember it as it is now."""
        # INVARIANT 10: a promoted standby, or an older copy, may lack what was promised: a person decides
        ((system, timeline),) = read(IDENTITY)
        seen = self._seen()
        identity = {"system": str(system), "timeline": str(timeline)}
        if seen and {name: seen[name] for name in identity} != identity:  # guard: a promoted database
            raise AilyusError("store_rewound", ANOTHER)
        size = int(seen.get("size", 0))
        node = nodes_by(read)
        if size > frontier.size or (size and range_hash(0, size, node).hex() != seen["root"]):
            raise AilyusError("store_rewound", f"the log ends at {frontier.size}, its last known head is {size}")
        self._identity = identity
        self.remember(frontier)

    def replace(self, read: Read) -> None:
        """Take this database for the one to remember; what the file says is replaced with the next head."""
        ((system, timeline),) = read(IDENTITY)
        self._identity, self._replaces = {"system": str(system), "timeline": str(timeline)}, True

    def _seen(self) -> dict[str, str | int]:
        """What the file says; nothing where there is none, or where its process died before it wrote to it."""
        try:
            text = self._path.read_bytes().strip()
            seen = orjson.loads(text) if text else {}
        except FileNotFoundError:
            return {}
        except (OSError, orjson.JSONDecodeError):
            seen = None
        if not isinstance(seen, dict) or (seen and not (seen.keys() >= _FIELDS and type(seen["size"]) is int)):
            raise AilyusError("store_corrupt", f"the head file `{self._path.name}` is damaged")
        return seen

    def remember(self, frontier: Frontier) -> None:
        """Remember this head, durably, unless another replica remembered a newer one. Raises `OSError`."""
        text = orjson.dumps({**self._identity, "size": frontier.size, "root": frontier.root().hex()})
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # replicas of one folder share it
            known = os.pread(descriptor, 256, 0)
            if known and not self._replaces and int(orjson.loads(known)["size"]) > frontier.size:
                return
            # blanks up to 256 bytes, so that nothing of a longer text is left behind it
            os.pwrite(descriptor, text.ljust(256), 0)
            os.fdatasync(descriptor)
            self._replaces = False
        finally:
            os.close(descriptor)

    def is_of_another(self, system: str, timeline: str) -> bool:
        """Is this the identity of another database than the one that was opened?"""
        seen = self._identity
        return bool(seen) and (system, timeline) != (seen["system"], seen["timeline"])
