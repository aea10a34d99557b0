"""The bound of a SQLite store's write-ahead log: its writer cuts it, or says who keeps it from that."""

import sqlite3
import time
from pathlib import Path

import structlog

from receipts.store import wal
from receipts.store.sqlite_file import BUSY_MS

LOOK_SECONDS, AGAIN_SECONDS = 1.0, 10.0
"""How often a write-ahead log is looked at while it grows, and how long after it could not be cut it is tried again."""
log = structlog.get_logger()


class WalBound:
    """What the writer of one store file asks after each of its commits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._again = 0.0

    def hold(self, connection: sqlite3.Connection) -> None:
        """Write a long write-ahead log back and cut it, unless somebody reads an older state: then say who."""
        now = time.monotonic()
        if now < self._again:  # to ask for its size after every commit costs as much as half of the commit
            return
        size = wal.size_of(self._path)
        self._again = now + (LOOK_SECONDS if size <= wal.LIMIT else AGAIN_SECONDS)
        if size <= wal.LIMIT:
            return
        try:
            connection.execute("PRAGMA busy_timeout = 0")  # the writer waits for no reader
            try:
                busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        except sqlite3.Error:  # the next commit says what is wrong with the store
            return
        if busy:
            by = ", ".join(f"{h.name} (pid {h.pid})" for h in wal.holders(self._path)) or "this gateway"
            log.warning("store_wal_grows", megabytes=size // 1_000_000, held_by=by, hint="end what reads the store")
