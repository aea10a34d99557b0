"""A closed action with all that belongs to it: its steps, its undos, and every row about them.

A group is read by the same queries from a store and from an archive, and it has one digest at both. So what is removed
from a store is byte for byte what is in the file. Statements by which approvals were taken back stay in the store: they
hold for ever.
"""

import contextlib
import functools
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from typing import Final

from receipts.store.data_keys import DataKeys, opened
from receipts.store.row import Read, Row, Value, integer

BY_ACTION: Final = ("intents", "approvals", "incidents", "escalations", "rechecks", "notices", "statements")
"""The tables whose rows belong to an action, beside its own."""
BY_LEAF: Final = ("search", "evidence")
"""The tables whose rows belong to a statement."""
TABLES: Final = ("actions", *BY_ACTION, *BY_LEAF)
_STAYS: Final = " AND NOT (kind = 'decision' AND status = 'withdrawn')"
_NUMBERED: Final = ("actions", "intents")
"""The tables whose rows mean something by their order."""
_CHUNK: Final = 64


@dataclass(frozen=True, slots=True)
class ActionGroup:
    """The rows of one group, by table; `root` is the action that nothing else here belongs to."""

    root: str
    rows: Mapping[str, Sequence[Row]]

    @property
    def ids(self) -> list[str]:
        """Its actions."""
        return [str(row[0]) for row in self.rows["actions"]]

    @property
    def leaves(self) -> list[int]:
        """The leaves of its statements."""
        return [integer(row[0]) for row in self.rows["statements"]]

    @property
    def digest(self) -> str:
        """SHA-256 over each row of each table, in hex, whatever order they came in."""
        whole = hashlib.sha256(b"ailyus-action-group-v1\n")
        for table in TABLES:
            for encoded in sorted(_encoded(table, row) for row in self.rows[table]):
                whole.update(encoded)
        return whole.hexdigest()

    def opened(self, keys: DataKeys, read: Read) -> "ActionGroup":
        """The same with what is sealed opened; its digest is another one."""
        return ActionGroup(self.root, {table: opened(keys, rows, read) for table, rows in self.rows.items()})

    def records(self, table: str) -> Iterator[Mapping[str, Value]]:
        """The rows of a table by the names of their columns."""
        return (dict(zip(columns(table), row, strict=True)) for row in self.rows[table])


@functools.cache
def columns(table: str) -> tuple[str, ...]:
    """The columns of a table of this version, in their order."""
    with contextlib.closing(sqlite3.connect(":memory:")) as made:
        made.executescript(files("receipts.store").joinpath("schema.sql").read_text())
        return tuple(str(row[1]) for row in made.execute(f"PRAGMA table_info({table})"))


def read_groups(read: Read, roots: Sequence[str]) -> list[ActionGroup]:
    """The groups of these actions, in their order; those that are there no more are left out."""
    root_of = _members(read, roots)
    found: dict[str, dict[str, list[Row]]] = {root: {table: [] for table in TABLES} for root in root_of.values()}
    leaf_of: dict[Value, str] = {}
    for table in ("actions", *BY_ACTION):
        place = columns(table).index("id" if table == "actions" else "action_id")
        for row in _rows(read, table, columns(table)[place], list(root_of)):
            root = root_of[str(row[place])]
            found[root][table].append(row)
            if table == "statements":
                leaf_of[row[0]] = root
    for table in BY_LEAF:
        place = columns(table).index("leaf_index")
        for row in _rows(read, table, "leaf_index", list(leaf_of)):
            found[leaf_of[row[place]]][table].append(row)
    return [ActionGroup(root, found[root]) for root in dict.fromkeys(roots) if root in found]


def _members(read: Read, roots: Sequence[str]) -> dict[str, str]:
    """Every action of these groups, with the root of its group."""
    known = {str(id_): str(id_) for (id_,) in chain.from_iterable(_in(read, "SELECT id FROM actions WHERE id", roots))}
    fresh: list[str] = list(known)
    while fresh:
        found: dict[str, str] = {}
        for column in ("plan_id", "undoes"):
            for rows in _in(read, f"SELECT {column}, id FROM actions WHERE {column}", fresh):
                found |= {str(id_): known[str(of)] for of, id_ in rows if str(id_) not in known}
        known |= found
        fresh = list(found)
    return known


def _rows(read: Read, table: str, column: str, values: Sequence[Value]) -> Iterator[Row]:
    names = ", ".join(columns(table))
    more = _STAYS if table == "statements" else ""
    order = " ORDER BY rowid" if table in _NUMBERED else ""
    return chain.from_iterable(_in(read, f"SELECT {names} FROM {table} WHERE {column}", values, more + order))


def _in(read: Read, sql: str, values: Sequence[Value], more: str = "") -> Iterator[list[Row]]:
    return (read(f"{sql} IN ({marks}){more}", *chunk) for marks, chunk in chunks(values))


def chunks(values: Sequence[Value]) -> Iterator[tuple[str, list[Value]]]:
    """Values in lists of one length, the last repeated, so that statements over them are few, and are planned once."""
    for start in range(0, len(values), _CHUNK):
        chunk = list(values[start : start + _CHUNK])
        yield ", ".join("?" * _CHUNK), chunk + [chunk[-1]] * (_CHUNK - len(chunk))


def _encoded(table: str, row: Iterable[Value]) -> bytes:
    parts = [table.encode()]
    for value in row:
        kind = b"n" if value is None else b"b" if isinstance(value, bytes) else b"i" if isinstance(value, int) else b"t"
        data = b"" if value is None else value if isinstance(value, bytes) else str(value).encode()
        parts.append(b"%b%d:%b" % (kind, len(data), data))
    return b"%d:%b" % (sum(map(len, parts)), b"".join(parts))
