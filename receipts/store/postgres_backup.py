"""The backup of a database: one snapshot of it, written into a file with the tables of SQLite.

It is the way back of `transfer`, so that a backup is the same format whichever engine a store has.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from contracts.errors import AilyusError
from receipts.store import postgres_schema
from receipts.store.backup import finish_copy, new_file
from receipts.store.connection import FAULTS, SETTINGS, DatabaseSession, said
from receipts.store.key_file import key_file_of, take_keys
from receipts.store.row import Row
from receipts.store.sqlite_schema import SCHEMA_VERSION
from receipts.store.transfer import has_rowid, tables_of

_BATCH: Final = 500
# a batch is written to the file between two reads, which is idleness to the server
_PATIENT: Final = {**SETTINGS, "idle_in_transaction_session_timeout": "60s"}


def back_up_database(url: str, out: Path, now_ms: int) -> None:
    """Write the backup of a database; its replicas go on. Raises `bad_settings`, `store_corrupt`."""
    session = DatabaseSession(url, _PATIENT)
    try:
        session.open()
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        version = postgres_schema.version_of(session)
        if version != postgres_schema.VERSION:
            found = "no store" if version is None else f"a store of version {version}, not {postgres_schema.VERSION}"
            raise AilyusError("store_corrupt", f"the database holds {found}", hint="`ailyus store migrate`")
        with new_file(key_file_of(out)) as keys, new_file(out) as partial:
            _write(session, partial)
            finish_copy(partial, now_ms)
            take_keys(partial, keys)
    except FAULTS as error:
        raise AilyusError("store_corrupt", f"the store cannot be read: {said(error)}") from None
    finally:
        session.close()


def _write(session: DatabaseSession, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as target:
        schema = files("receipts.store").joinpath("schema.sql").read_text()
        target.executescript(f"PRAGMA synchronous = OFF;{schema};PRAGMA user_version = {SCHEMA_VERSION};")
        target.execute("BEGIN")
        for table in tables_of(target):
            _table(session, target, table)
        target.execute("COMMIT")


def _table(session: DatabaseSession, target: sqlite3.Connection, table: str) -> None:
    names = [str(row[1]) for row in target.execute(f"PRAGMA table_info({table})")]
    # the order of rows means something: both engines number them, and the numbers are taken over. To sort them there
    # instead would take longer than a statement may
    if has_rowid(target, table) and _is_numbered(session, table):
        names = ["rowid", *names]
    columns, places = ", ".join(names), ", ".join("?" for _ in names)
    for batch in _batches(session, table, f"SELECT {columns} FROM {table}"):
        target.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", batch)


def _is_numbered(session: DatabaseSession, table: str) -> bool:
    sql = "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(?) AND attname = 'rowid'"
    return session.query(sql, table) != []


def _batches(session: DatabaseSession, table: str, sql: str) -> Iterator[list[Row]]:
    # a name of its own: the same FETCH of other columns would be taken for the statement that was prepared before
    session.execute(f"DECLARE of_{table} NO SCROLL CURSOR FOR {sql}")
    while batch := session.query(f"FETCH {_BATCH} FROM of_{table}"):
        yield batch
    session.execute(f"CLOSE of_{table}")
