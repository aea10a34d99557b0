"""The store of a witness: the newest checkpoint that it cosigned of each log, in a SQLite file of its own."""

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.merkle import EMPTY_ROOT

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE heads (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL, at_s INTEGER NOT NULL) STRICT;
CREATE TABLE refusals (
  number INTEGER PRIMARY KEY, origin TEXT NOT NULL, at_s INTEGER NOT NULL, why TEXT NOT NULL, note TEXT NOT NULL,
  UNIQUE (origin, note)
) STRICT;
"""
MAX_REFUSALS: Final = 1000
"""Refusals that are kept of each log, the first ones: what a log tried later hides none of them."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A checkpoint that a log signed and that the witness refused: proof of what the log did."""

    origin: str
    at_s: int
    why: str
    note: str


@dataclass(frozen=True, slots=True)
class SeenLog:
    """A log that a witness has seen: its newest cosigned checkpoint (size 0 for none), when, and what was refused."""

    origin: str
    size: int
    root: str
    at_s: int
    refused: int


class WitnessStore:
    """What a witness must never forget. A lost file is a lost witness: with an empty one it would cosign any past."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
            # a cosignature that a power loss takes out of the file would let another history be cosigned
            self._db.execute("PRAGMA synchronous = FULL")
            # of two processes that start at once one makes the tables
            self._db.execute("BEGIN IMMEDIATE")
            ((version,),) = self._db.execute("PRAGMA user_version").fetchall()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            hint = "name a file that this user may write: --store witness.db"
            raise AilyusError("bad_settings", f"`{path}` is no store of a witness: {error}", hint=hint) from None
        if version not in (0, _VERSION):
            hint = "serve it with the version that wrote it, or a later one"
            raise AilyusError("bad_settings", f"the store `{path}` has version {version}", hint=hint)

    def head(self, origin: str) -> Checkpoint:
        """The newest checkpoint that was cosigned of a log; the empty tree where there is none."""
        with self._lock:
            return self._head(origin)

    def _head(self, origin: str) -> Checkpoint:
        rows = self._db.execute("SELECT note FROM heads WHERE origin = ?", (origin,)).fetchall()
        return Checkpoint.of_note(str(rows[0][0])) if rows else Checkpoint(origin, 0, EMPTY_ROOT)

    def replace(self, seen: Checkpoint, note: str, at_s: int) -> bool:
        """Durably: put a note in the place of what was seen. False where that is not the newest any more."""
        new = Checkpoint.of_note(note)
        with self._lock:
            # INVARIANT 10: the comparison and the change are one, else of two answers the older one rolls the log back
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if self._head(seen.origin) != seen:  # guard: what a witness has seen
                    self._db.execute("ROLLBACK")
                    return False
                self._db.execute(
                    "INSERT INTO heads VALUES (?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET size = excluded.size,"
                    " note = excluded.note, at_s = excluded.at_s",
                    (new.origin, new.size, note, at_s),
                )
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._db.execute("ROLLBACK")
                raise
        return True

    def refuse(self, refusal: Refusal) -> None:
        """Keep a refusal, once; only what the log itself signed comes here, so that nobody else fills the file."""
        with self._lock:
            self._db.execute(
                "INSERT INTO refusals (origin, at_s, why, note) SELECT ?1, ?2, ?3, ?4"
                " WHERE (SELECT count(*) FROM refusals WHERE origin = ?1) < ?5 ON CONFLICT DO NOTHING",
                (refusal.origin, refusal.at_s, refusal.why, refusal.note, MAX_REFUSALS),
            )

    def forget(self, origin: str, why: str, at_s: int) -> Checkpoint | None:
        """Let a log begin anew; what was cosigned of it stays as proof. None where nothing was cosigned.

        Only the people of the witness decide so: whoever can make a witness forget can rewrite the log.
        """
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                rows = self._db.execute("SELECT note FROM heads WHERE origin = ?", (origin,)).fetchall()
                if rows:
                    self._db.execute("DELETE FROM heads WHERE origin = ?", (origin,))
                    # not bounded as others are: the last word about a former past of the log must never be missing
                    self._db.execute(
                        "INSERT INTO refusals (origin, at_s, why, note) VALUES (?, ?, ?, ?)"
                        " ON CONFLICT (origin, note) DO UPDATE SET why = excluded.why, at_s = excluded.at_s",
                        (origin, at_s, f"forgotten: {why}", str(rows[0][0])),
                    )
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._db.execute("ROLLBACK")
                raise
        return Checkpoint.of_note(str(rows[0][0])) if rows else None

    def refusals(self) -> list[Refusal]:
        """Every refusal that is kept, in the order in which they came."""
        with self._lock:
            rows = self._db.execute("SELECT origin, at_s, why, note FROM refusals ORDER BY number").fetchall()
        return [Refusal(str(origin), int(at), str(why), str(note)) for origin, at, why, note in rows]

    def logs(self) -> list[SeenLog]:
        """Every log that was cosigned or refused, by its name."""
        with self._lock:
            rows = self._db.execute(
                "SELECT o.origin, COALESCE(h.at_s, 0), (SELECT count(*) FROM refusals AS r WHERE r.origin = o.origin)"
                " FROM (SELECT origin FROM heads UNION SELECT origin FROM refusals) AS o LEFT JOIN heads AS h"
                " USING (origin) ORDER BY o.origin"
            ).fetchall()
            heads = {str(row[0]): self._head(str(row[0])) for row in rows}
        return [SeenLog(str(o), heads[str(o)].size, heads[str(o)].root.hex(), int(at), int(n)) for o, at, n in rows]

    def close(self) -> None:
        """Give the file up."""
        with self._lock:
            self._db.close()
