"""The tables of a store on SQLite: made once, brought to the newest version while no gateway owns the file."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from contracts.errors import AilyusError
from receipts.store.sqlite_file import connect, own

SCHEMA_VERSION = 17


def prepared(path: Path) -> sqlite3.Connection:
    """A connection to the file, whose tables are made and of the newest version. Raises `store_corrupt`."""
    try:
        with contextlib.ExitStack() as opened:
            connection = opened.enter_context(contextlib.closing(connect(path)))
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                schema = files("receipts.store").joinpath("schema.sql").read_text()
                # tables and version in one transaction: a file is never without one of them
                connection.executescript(f"BEGIN IMMEDIATE;{schema};PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
                os.chmod(path, 0o600)
            _migrate(connection)
            opened.pop_all()
    except sqlite3.DatabaseError as error:
        raise AilyusError("store_corrupt", f"the store does not open: {str(error).lower()}") from None
    return connection


def migrate(path: Path) -> tuple[int, int]:
    """Bring a file that nobody owns to the newest version: the versions before and after. Forward only."""
    lock = own(path)
    try:
        with contextlib.closing(connect(path)) as connection:
            return _migrate(connection)
    except sqlite3.DatabaseError as error:
        raise AilyusError("store_corrupt", f"the store does not open: {str(error).lower()}") from None
    finally:
        os.close(lock)


def _migrate(connection: sqlite3.Connection) -> tuple[int, int]:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if not 1 <= version <= SCHEMA_VERSION:
        hint = "it was written by another version of ailyus: use that one, or a newer one"
        raise AilyusError("store_corrupt", f"the store has version {version}, not {SCHEMA_VERSION}", hint=hint)
    for step in range(version + 1, SCHEMA_VERSION + 1):
        change = files("receipts.store").joinpath("migrations", f"{step}.sql").read_text()
        connection.executescript(f"BEGIN IMMEDIATE;{change};PRAGMA user_version = {step};COMMIT;")
    return version, SCHEMA_VERSION


@contextmanager
def owned(path: Path) -> Iterator[sqlite3.Connection]:
    """A file that no gateway has open, read by whoever copies it. Raises `owner_elsewhere`."""
    lock = own(path)
    try:
        with contextlib.closing(connect(path)) as connection:
            _migrate(connection)
            connection.execute("BEGIN")
            yield connection
    finally:
        os.close(lock)
