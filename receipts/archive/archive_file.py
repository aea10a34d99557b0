"""The file of an archive: SQLite, in the tables of a store, with the closed actions and nothing else of it.

In the store's own tables, so that whatever reads a store reads an archive, one action without the rest of the file.
Beside them stand the groups with their digests, and the manifest that the log's key signed. A file is written once.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import quote

from contracts.errors import AilyusError
from receipts.archive.action_group import TABLES, ActionGroup, columns, read_groups
from receipts.archive.manifest import Manifest, digest_of
from receipts.store.data_keys import DataKeys, opening
from receipts.store.row import Read, integer
from receipts.store.sqlite_file import reader
from receipts.store.sqlite_schema import SCHEMA_VERSION

_OWN: Final = (
    "CREATE TABLE manifest (note TEXT NOT NULL) STRICT;"
    "CREATE TABLE action_groups (root TEXT PRIMARY KEY, digest TEXT NOT NULL) STRICT;"
    "CREATE TABLE group_members (action_id TEXT PRIMARY KEY, root TEXT NOT NULL) STRICT;"
)
_PAGE: Final = 64


class ArchiveWriter:
    """Writes groups into a new file. Used from one thread."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        schema = files("receipts.store").joinpath("schema.sql").read_text()
        # the file counts only once it is closed, read again and durable as a whole
        self._connection.executescript(
            f"PRAGMA synchronous = OFF;PRAGMA foreign_keys = OFF;{schema};{_OWN}PRAGMA user_version = {SCHEMA_VERSION};"
        )

    def add(self, groups: Sequence[ActionGroup]) -> None:
        """Write these groups, in one transaction."""
        self._connection.execute("BEGIN")
        for group in groups:
            for table in TABLES:
                names, marks = ", ".join(columns(table)), ", ".join("?" for _ in columns(table))
                self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", group.rows[table])
            self._connection.execute("INSERT INTO action_groups VALUES (?, ?)", (group.root, group.digest))
            members = [(id_, group.root) for id_ in group.ids]
            self._connection.executemany("INSERT INTO group_members VALUES (?, ?)", members)
        self._connection.execute("COMMIT")

    def digest(self) -> str:
        """The digest over all groups."""
        return digest_of(_groups(reader(self._connection)))

    def sign(self, note: str) -> None:
        """Write the manifest."""
        self._connection.execute("INSERT INTO manifest VALUES (?)", (note,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """An archive that is open, whose manifest a trusted key signed over its groups."""

    path: Path
    manifest: Manifest
    kept: Read
    """Reads rows as they are kept, which is what was signed."""
    read: Read
    """The same; for whoever has the keys with what is sealed opened."""

    def opened(self, keys: DataKeys, store: Read) -> "ArchiveFile":
        """The same, read with what is sealed opened, by the keys that its store still has."""
        return replace(self, read=opening(self.kept, keys, store))

    def groups(self) -> Iterator[tuple[str, str]]:
        """Root and digest of each group, by root."""
        return _groups(self.kept)

    def faults(self) -> Iterator[str]:
        """What is not as its digests say, read whole."""
        roots, actions, statements = list(self.groups()), 0, 0
        for start in range(0, len(roots), _PAGE):
            page = dict(roots[start : start + _PAGE])
            found = read_groups(self.kept, list(page))
            digests = {group.root: group.digest for group in found}
            actions += sum(len(group.ids) for group in found)
            statements += sum(len(group.leaves) for group in found)
            for root, digest in page.items():
                if digests.get(root) != digest:  # guard: an archive holds what was written
                    yield f"the action `{root}` is not what the archive `{self.path.name}` was signed over"
        ((rows,),) = self.kept("SELECT count(*) FROM statements")
        if (actions, statements, statements) != (self.manifest.actions, self.manifest.statements, rows):
            yield f"the archive `{self.path.name}` holds other actions or statements than it was signed over"

    def require_action(self, action_id: str) -> None:
        """Raise `store_corrupt` unless the group of an action is in it, as it was signed."""
        rows = self.kept(
            "SELECT root, digest FROM group_members JOIN action_groups USING (root) WHERE action_id = ?", action_id
        )
        found = read_groups(self.kept, [str(rows[0][0])]) if rows else []
        # guard: one action of an archive
        if not found or found[0].digest != rows[0][1] or action_id not in found[0].ids:
            sentence = f"the action `{action_id}` is not in `{self.path.name}` as it was archived"
            raise AilyusError("store_corrupt", sentence, hint="take the file from where it was backed up")


@contextmanager
def open_archive(path: Path, origin: str, keys: Mapping[str, bytes]) -> Iterator[ArchiveFile]:
    """An archive, read-only. Raises `not_found`, `store_corrupt`, `store_newer` or `not_authentic`."""
    if not path.is_file():
        raise AilyusError("not_found", f"there is no file `{path}`", hint="name a file of `ailyus store archive`")
    try:
        # immutable: nobody writes to it again, and it may lie on a medium that nobody can write to
        uri = f"file:{quote(str(path))}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True, check_same_thread=False)) as connection:
            yield _opened(path, reader(connection), origin, keys)
    except sqlite3.DatabaseError as error:
        hint = "take the file from where it was backed up"
        raise AilyusError("store_corrupt", f"`{path.name}` is no archive: {str(error).lower()}", hint=hint) from None


def _opened(path: Path, read: Read, origin: str, keys: Mapping[str, bytes]) -> ArchiveFile:
    ((version,),) = read("PRAGMA user_version")
    same = all(_columns_here(read, table) == columns(table) for table in TABLES)
    if integer(version) > SCHEMA_VERSION or not same:
        found = f"`{path.name}` has the tables of version {version!s}, and this one those of {SCHEMA_VERSION}"
        raise AilyusError("store_newer", found, hint="read it with the version of ailyus that wrote it")
    notes = read("SELECT note FROM manifest")
    if len(notes) != 1:
        raise AilyusError("store_corrupt", f"`{path.name}` has no signed end", hint="its writing was broken off")
    manifest = Manifest.of_note(str(notes[0][0]), origin, keys)
    # guard: the digest of an archive
    if digest_of(_groups(read)) != manifest.digest:
        raise AilyusError("store_corrupt", f"`{path.name}` is not what it was signed over")
    return ArchiveFile(path, manifest, read, read)


def _columns_here(read: Read, table: str) -> tuple[str, ...]:
    return tuple(str(row[1]) for row in read(f"PRAGMA table_info({table})"))


def _groups(read: Read) -> Iterator[tuple[str, str]]:
    last = ""
    while rows := read("SELECT root, digest FROM action_groups WHERE root > ? ORDER BY root LIMIT 1000", last):
        yield from ((str(root), str(digest)) for root, digest in rows)
        last = str(rows[-1][0])
