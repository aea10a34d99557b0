"""The keys of a backup, in a file of their own: who erases something later renews this file and not the backups.

A backup without it holds what is personal sealed, and nothing opens that. The file is SQLite with the tables
`wrapping_keys` and `data_keys` of a store; what is in it is wrapped by a key that is derived from `store.secrets`.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from contracts.errors import AilyusError

_TABLES: Final = ("wrapping_keys", "data_keys")
_MADE: Final = "SELECT sql FROM sqlite_master WHERE name = ?"
_SEALED: Final = "SELECT count(*) FROM actions WHERE substr(request, 1, 4) = X'00616544'"


def key_file_of(backup: Path) -> Path:
    """The file beside a backup that holds its keys."""
    return backup.with_name(f"{backup.name}.keys")


def take_keys(copy: Path, out: Path) -> None:
    """Move the keys out of a copy of a store, into a new file. Raises `sqlite3.DatabaseError`."""
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("ATTACH ? AS keys", (str(out),))
        for table in _TABLES:
            found = connection.execute(_MADE, (table,)).fetchone()
            if found is None:  # a store of a version before
                continue
            made = str(found[0])
            connection.execute(made.replace(f"CREATE TABLE {table}", f"CREATE TABLE keys.{table}", 1))
            connection.execute(f"INSERT INTO keys.{table} SELECT * FROM main.{table}")
            # dropped and made anew: every page of it is overwritten
            connection.execute(f"DROP TABLE main.{table}")
            connection.execute(made)


def give_keys(copy: Path, keys: Path) -> bool:
    """Put keys into a copy that is to be a store; False for one of a version before, which has none.

    Raises `not_found` where it needs keys, and there is no file of them.

    What was erased since the backup has no key in a file that was written later: it stays sealed for good.
    """
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        if connection.execute(_MADE, ("data_keys",)).fetchone() is None:
            return False
        if keys.is_file():
            connection.execute("ATTACH ? AS keys", (str(keys),))
            for table in _TABLES:  # a backup of an earlier version holds its keys itself
                connection.execute(f"INSERT OR IGNORE INTO main.{table} SELECT * FROM keys.{table}")
        elif connection.execute(_SEALED).fetchone() != (0,):  # guard: a restore without its keys
            hint = "put it beside the backup; of several take the newest, which lacks what was erased since"
            raise AilyusError("not_found", f"the keys of the backup are not there: `{keys.name}`", hint=hint)
        return True
