"""The backup of a store: one file in the tables of SQLite, whichever engine it came from, as it was at one moment.

A gateway may go on meanwhile. The file appears under its name only once it is whole and durable; it never replaces
another. Values of secrets that are on their way are not in it, nor is any key of the gateway.
"""

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from contracts.errors import AilyusError
from receipts.store import mark
from receipts.store.key_file import key_file_of, take_keys
from receipts.store.sqlite_file import connect, unreadable

_NO_SECRETS: Final = "UPDATE handles SET sealed = NULL WHERE sealed IS NOT NULL"
_NO_TOKENS: Final = (
    "UPDATE grants SET access = X'', refresh = X'', state = 'needs_person', reason = 'the store came out of a backup',"
    " next_ms = NULL, lease_until_ms = 0, fence = fence + 1, version = version + 1"
)
_HAS_GRANTS: Final = "SELECT 1 FROM sqlite_master WHERE name = 'grants'"


def back_up_file(store: Path, out: Path, now_ms: int) -> None:
    """Write the backup of a store file. Raises `bad_settings` where `out` exists, `store_corrupt`."""
    try:
        with new_file(key_file_of(out)) as keys, new_file(out) as partial:
            vacuum(store, partial)
            finish_copy(partial, now_ms)
            take_keys(partial, keys)  # guard: no data key in a backup
    except sqlite3.DatabaseError as error:
        raise unreadable(error) from None


def vacuum(source: Path, out: Path) -> None:
    """Copy one snapshot of a file into another, empty one. Raises `sqlite3.DatabaseError`."""
    with contextlib.closing(connect(source, readonly=True)) as connection:
        # not page by page: free pages still hold what was erased
        connection.execute("VACUUM INTO ?", (str(out),))


def finish_copy(path: Path, now_ms: int) -> None:
    """Mark a copy as one, and drop what is none of it. Raises `sqlite3.DatabaseError`."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")  # a freed page would keep the sealed value
        connection.execute("BEGIN")
        connection.execute(_NO_SECRETS)  # guard: no secret in a backup
        # a copy that refreshed them would take them from the gateway that it is a copy of
        if connection.execute(_HAS_GRANTS).fetchone():  # else it is of a version before
            connection.execute(_NO_TOKENS)  # guard: no token in a backup
        connection.execute(mark.SET, (str(now_ms),))
        connection.execute("COMMIT")


@contextmanager
def new_file(out: Path) -> Iterator[Path]:
    """A file beside `out` to write to; it gets its name when all is done, if nothing has that name yet."""
    if out.exists():
        raise _exists(out)
    partial = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        with _writing(out):
            os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield partial
        with _writing(out):
            sync(partial)
            _publish(partial, out)
            sync(out.parent)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "name a file in a folder that exists, with room for a whole copy of the store"
        raise AilyusError("bad_settings", f"`{out}` cannot be written: {error.strerror}", hint=hint) from None


def _publish(partial: Path, out: Path) -> None:
    try:
        os.link(partial, out)  # unlike a rename it replaces nothing
    except FileExistsError:
        raise _exists(out) from None
    except OSError:  # a file system without links
        if out.exists():
            raise _exists(out) from None
        os.rename(partial, out)


def _exists(out: Path) -> AilyusError:
    return AilyusError("bad_settings", f"`{out}` exists already", hint="name a file that is not there yet")


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
