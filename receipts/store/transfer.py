"""From a file to a database: the whole store, with its log, its proofs and everything that is still open.

One transaction. The log's root over there must be the file's; only then is it committed, and the file put aside under
another name, so that no two logs go on from the same head.
"""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.merkle import Frontier
from receipts.store import postgres_schema, sqlite_schema
from receipts.store.connection import DatabaseSession
from receipts.store.log_tables import newest_note
from receipts.store.progress import tell
from receipts.store.replica_lock import alone
from receipts.store.row import Row, blob, integer
from receipts.store.sqlite_file import reader

BATCH = 1_000
ASIDE = ".copied"


@dataclass(frozen=True, slots=True)
class TransferCount:
    """What was taken over: rows in all, statements of the log, actions that are still open."""

    rows: int
    statements: int
    open: int


def transfer(path: Path, url: str) -> TransferCount:
    """Copy the store at `path` into an empty database, and put it aside. Raises `AilyusError`; then nothing moved."""
    if not path.exists():
        raise AilyusError("not_found", f"there is no store `{path.name}`", hint="there is nothing to copy")
    try:
        with sqlite_schema.owned(path) as source, alone(url) as session:
            done = fill(source, session)
    except sqlite3.DatabaseError as error:
        raise AilyusError("store_corrupt", f"the store cannot be read: {str(error).lower()}") from None
    for suffix in ("", "-wal", "-shm", ".head"):
        one = path.with_name(path.name + suffix)
        if one.exists():
            os.replace(one, one.with_name(one.name + ASIDE))
    return done


def fill(source: sqlite3.Connection, session: DatabaseSession) -> TransferCount:
    """Copy all that a file holds into an empty database, which nobody else uses meanwhile."""
    if postgres_schema.version_of(session) is None:
        postgres_schema.create(session)
    note = newest_note(reader(source))
    size = Checkpoint.of_note(note).size if note else 0
    if newest_note(session.query) == note and session.query("SELECT size FROM head") == [(size,)] and size:
        return _counted(source, 0)  # it was copied, and ended before the file was put aside
    require_empty(session)
    session.execute("BEGIN")
    tables = tables_of(source)
    total, rows = sum(_size(source, table) for table in tables), 0
    for table in tables:
        for count in _table(source, session, table):
            rows += count
            tell(rows, total)
    if note:
        ((at_ms,),) = session.query("SELECT at_ms FROM checkpoints ORDER BY size DESC LIMIT 1")
        session.execute("UPDATE head SET size = ?, high_water_ms = ?", (size, integer(at_ms)))
        _require_root(session, note, size)
    # INVARIANT: whoever had them is gone, since the file's lock is ours
    session.execute("UPDATE actions SET lease_until_ms = 0 WHERE state = 'running'")
    session.execute("COMMIT", seconds=None)
    return _counted(source, rows)


def require_empty(session: DatabaseSession) -> None:
    """Raise `bad_settings` where a database holds a store."""
    held = "SELECT EXISTS (SELECT 1 FROM meta) OR EXISTS (SELECT 1 FROM statements)"
    if postgres_schema.version_of(session) is not None and session.query(held) != [(False,)]:
        hint = "name an empty database"
        raise AilyusError("bad_settings", "the database holds another store", hint=hint)


def tables_of(source: sqlite3.Connection) -> list[str]:
    """In the order in which the schema makes them, so that what is referred to comes first."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    return [str(name) for (name,) in source.execute(sql)]


def _size(source: sqlite3.Connection, table: str) -> int:
    ((count,),) = source.execute(f"SELECT count(*) FROM {table}")
    return int(count)


def _table(source: sqlite3.Connection, session: DatabaseSession, table: str) -> Iterator[int]:
    """Copy one table; how many rows each batch had."""
    columns = [str(row[1]) for row in source.execute(f"PRAGMA table_info({table})")]
    primary = [str(row[1]) for row in source.execute(f"PRAGMA table_info({table})") if row[5]]
    order = "rowid" if has_rowid(source, table) else ", ".join(primary)
    names, places = ", ".join(columns), ", ".join("?" for _ in columns)
    for batch in _batches(source.execute(f"SELECT {names} FROM {table} ORDER BY {order}")):
        session.write_many(f"INSERT INTO {table} ({names}) VALUES ({places})", batch)
        yield len(batch)


def has_rowid(source: sqlite3.Connection, table: str) -> bool:
    """Are the rows of a table numbered in the order in which they came?"""
    ((sql,),) = source.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,))
    return "WITHOUT ROWID" not in str(sql).upper()


def _batches(cursor: sqlite3.Cursor) -> Iterator[list[Row]]:
    while batch := cursor.fetchmany(BATCH):
        yield batch


def _require_root(session: DatabaseSession, note: str, size: int) -> None:
    def node(level: int, index: int) -> bytes:
        rows = session.query("SELECT hash FROM nodes WHERE level = ? AND idx = ?", level, index)
        return blob(rows[0][0]) if rows else b""

    if Frontier.of(size, node).root() != Checkpoint.of_note(note).root:  # guard: the root of a copied log
        raise AilyusError(
            "store_corrupt", "the log's nodes do not give the root of its checkpoint", hint="`ailyus audit`"
        )


def _counted(source: sqlite3.Connection, rows: int) -> TransferCount:
    ((statements,),) = source.execute("SELECT count(*) FROM statements")
    ((open_,),) = source.execute("SELECT count(*) FROM actions WHERE state <> 'ended'")
    return TransferCount(rows, statements, open_)
