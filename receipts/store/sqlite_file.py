"""The file of a store on SQLite: its connections, its snapshots, and the lock of its one owner."""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from contracts.errors import AilyusError
from receipts.store import wal
from receipts.store.row import Read

BUSY_MS = 5_000
"""How long a connection waits for another one's lock."""


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Open with the durability that the journal's promises rest on; other threads may use the connection in turn."""
    uri = f"file:{quote(str(path))}?mode={'ro' if readonly else 'rwc'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        if not readonly:
            connection.execute("PRAGMA journal_mode = WAL")
            # INVARIANT: NORMAL can lose the intent at power loss after the effect happened.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")
            # evidence that was erased must be gone from the file, too, whatever this build's default is
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA journal_size_limit = {wal.LIMIT}")
    except BaseException:
        connection.close()
        raise
    return connection


def reader(connection: sqlite3.Connection) -> Read:
    """Reading by a connection."""
    return lambda sql, *values: connection.execute(sql, values).fetchall()


@contextmanager
def snapshot(path: Path) -> Iterator[Read]:
    """A store as it is now, whatever is committed meanwhile. Raises `store_corrupt`."""
    try:
        with contextlib.closing(connect(path, readonly=True)) as connection:
            connection.execute("BEGIN")
            yield reader(connection)
    except sqlite3.DatabaseError as error:
        raise unreadable(error) from None


def compact(path: Path) -> None:
    """Write a file anew, so that no page of it holds what was deleted. Raises `store_corrupt`."""
    try:
        with contextlib.closing(connect(path)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError as error:
        raise unreadable(error) from None


def unreadable(error: sqlite3.DatabaseError) -> AilyusError:
    """What is said where a read fails."""
    return AilyusError("store_corrupt", f"the store cannot be read: {str(error).lower()}")


def own(path: Path) -> int:
    """Lock a store's file for this process: the descriptor that holds the lock. Raises `owner_elsewhere`."""
    # a lock of the system and no row: it ends with its process, however that dies
    descriptor = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # guard: one owner
    except OSError:
        os.close(descriptor)
        raise AilyusError("owner_elsewhere", "another process owns this store") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def is_own(path: Path, descriptor: int) -> bool:
    """Is the file of the lock still the one that this descriptor holds?"""
    try:
        return os.path.samestat(os.stat(_lock_of(path)), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock_of(path: Path) -> Path:
    return path.with_suffix(path.suffix + ".lock")
