"""The restore of a backup: into the place of a store file, or into an empty database.

What is restored keeps the mark of a copy, so that no gateway starts on it before a person accepted what was lost. The
head file beside it stays as it is: it says how much that is. The backup itself is only read.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

from contracts.errors import AilyusError
from receipts.store.backup import finish_copy, new_file, vacuum
from receipts.store.key_file import give_keys, key_file_of
from receipts.store.sqlite_file import own, unreadable

Blank = Callable[[Path], object]
"""Blanks the rows of a copy whose keys were deleted after the backup: `receipts/journal/erasure.py`."""


def restore_file(backup: Path, store: Path, now_ms: int, blank: Blank) -> None:
    """Put a backup in the place of a store file. Raises `bad_settings` where there is a store, `owner_elsewhere`."""
    store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = own(store)
    try:
        for name in (store.name, f"{store.name}-wal"):  # a write-ahead log that is left would be played into the copy
            if store.with_name(name).exists():
                hint = "put it aside, with its `-wal` and `-shm`; leave its `.head` where it is"
                raise AilyusError("bad_settings", f"there is a store already: `{name}`", hint=hint)
        with new_file(store) as partial:
            _copy(backup, partial, now_ms, blank)
    finally:
        os.close(lock)


def restore_database(backup: Path, url: str, folder: Path, now_ms: int, blank: Blank) -> None:
    """Put a backup into an empty database, by way of a copy in `folder`. Raises `bad_settings`, `owner_elsewhere`."""
    from receipts.store import sqlite_schema
    from receipts.store.replica_lock import alone
    from receipts.store.transfer import fill, require_empty

    with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder) as beside, alone(url) as session:
        copy = Path(beside) / "store.db"
        copy.touch(mode=0o600)
        _copy(backup, copy, now_ms, blank)
        with sqlite_schema.owned(copy) as source:
            require_empty(session)
            fill(source, session)


def _copy(backup: Path, copy: Path, now_ms: int, blank: Blank) -> None:
    try:
        vacuum(backup, copy)
        finish_copy(copy, now_ms)
        if give_keys(copy, key_file_of(backup)):
            blank(copy)
    except sqlite3.DatabaseError as error:
        raise unreadable(error) from None
