"""The store on SQLite: one owner process, one writer thread, grouped commits.

A group is tried as it is; only when one of its entries fails is it done again, with a SAVEPOINT for each: a savepoint
copies every page that its entry touches, which was more than half of what a group of eight wrote.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import structlog

from contracts.errors import AilyusError, NotDurable
from receipts.log.merkle import Frontier, LogProof, range_hash
from receipts.log.signing import Signer, open_note
from receipts.store import wal
from receipts.store.entry import Entry, answer, answer_all
from receipts.store.log_tables import frontier_at, newest_note, nodes_by, proof_by
from receipts.store.row import Read, Row, Value
from receipts.store.store import MAX_CLOCK_BACK_MS, Change, Store
from receipts.store.transaction import Conflict, Txn

T = TypeVar("T")
SCHEMA_VERSION = 10
BUSY_MS = 5_000
WAL_LOOK_SECONDS, WAL_SECONDS = 1.0, 10.0
"""How often a write-ahead log is looked at while it grows, and how long after it could not be cut it is tried again."""
log = structlog.get_logger()


class SqliteTxn(Txn):
    """A transaction of the writer's connection."""

    def __init__(self, connection: sqlite3.Connection, size: int, now_ms: int, clock_ok: bool) -> None:
        super().__init__(size, now_ms, clock_ok)
        self._connection = connection

    def many(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for each of several rows; how many it changed is not asked."""
        if rows:
            self._connection.executemany(sql, rows)

    def query(self, sql: str, *params: Value) -> list[Row]:
        """Rows as this transaction sees them."""
        return self._connection.execute(sql, params).fetchall()

    def _count(self, sql: str, params: Sequence[Value]) -> int:
        return self._connection.execute(sql, params).rowcount


class SqliteStore(Store):
    """One store file and its owner."""

    def __init__(self, path: Path, signer: Signer, origin: str, clock: Callable[[], int] | None = None) -> None:
        super().__init__(path, signer, origin, clock)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._wal_again = 0.0
        self._lock = _own(path.with_suffix(path.suffix + ".lock"))
        try:
            self._connection = self._open()
            self._reader = connect(path, readonly=True)
            self._head_fd = os.open(self.head_path, os.O_RDWR | os.O_CREAT, 0o600)
            self._frontier, self._high_water_ms = self._load_head()
            self._refuse_rewound()  # guard: rewound stores
        except BaseException:
            os.close(self._lock)
            raise
        self._thread.start()

    @property
    def head_path(self) -> Path:
        """The file that remembers the newest head outside the database."""
        return self.path.with_suffix(self.path.suffix + ".head")

    async def read(self, sql: str, *params: Value) -> list[Row]:
        """A point read on the loop: microseconds from the page cache, and WAL never makes it wait for the writer."""
        return self._read(sql, *params)

    async def follow(self, heard: Callable[[Change], Awaitable[None]]) -> None:
        """Nobody else commits to a file."""

    def _read(self, sql: str, *params: Value) -> list[Row]:
        try:
            return self._reader.execute(sql, params).fetchall()
        except sqlite3.DatabaseError as error:
            raise AilyusError("store_corrupt", f"the store cannot be read: {str(error).lower()}") from None

    async def read_aside(self, work: Callable[[Read], T]) -> T:
        """Longer reading of one snapshot, in a thread and on a connection of its own: the loop never waits for it."""

        def run() -> T:
            with snapshot(self.path) as read:
                return work(read)

        return await asyncio.to_thread(run)

    def close(self) -> None:
        """Let queued entries finish, then give the store up."""
        self._finish()
        self._reader.close()  # first: the last to close writes the WAL back, and this one may not
        self._connection.close()
        os.close(self._head_fd)
        os.close(self._lock)

    def proof(self, leaf_index: int) -> LogProof:
        """The inclusion proof of a leaf in the newest committed checkpoint."""
        return proof_by(self._read, leaf_index)

    def head(self) -> str:
        """The newest committed checkpoint, as a signed note ('' when the log is empty)."""
        return newest_note(self._read)

    # -- the writer thread ------------------------------------------------------------------------------------------

    def _commit_group(self, group: Sequence[Entry[object]]) -> None:
        if self._failed:
            return answer_all(group, NotDurable(self._failed))
        for careful in (False, True):
            frontier = Frontier(self._frontier.size, list(self._frontier.peaks))
            try:
                at_ms = self._attempt(group, frontier, careful=careful)
            except (sqlite3.Error, OSError) as error:
                return self._recover(group, frontier, error)
            if at_ms is not None:
                return self._settle_group(group, frontier, at_ms)
            self.repeated += 1
        return None

    def _attempt(self, group: Sequence[Entry[object]], frontier: Frontier, *, careful: bool) -> int | None:
        """When it was committed; None when an entry failed, and nothing of the group is there."""
        now, high = self._clock(), 0 if self._reset_clock else self._high_water_ms
        txn = SqliteTxn(self._connection, frontier.size, max(now, high), now >= high - MAX_CLOCK_BACK_MS)
        self._connection.execute("BEGIN IMMEDIATE")
        for entry in group:
            entry.result, entry.fault = None, None
            if careful:
                self._run_entry(entry, txn)
                continue
            try:
                entry.result = entry.work(txn)
            except Exception:  # whose fault it was, each by itself says
                self._require_transaction()
                self._connection.execute("ROLLBACK")  # guard: a group taken back
                return None
        self._append_leaves(frontier, txn)
        self._durably_commit()
        return txn.now_ms

    def _run_entry(self, entry: Entry[object], txn: SqliteTxn) -> None:
        # INVARIANT: a failed statement aborts itself, not the transaction; only the SAVEPOINT takes back what the
        # entry wrote before it, so that a refused use of an approval leaves no intent behind.
        mark = len(txn.leaves)
        self._connection.execute("SAVEPOINT entry")
        try:
            entry.result = entry.work(txn)
        except sqlite3.IntegrityError as fault:  # a row that exists already: the world moved on
            self._take_back(txn, mark)
            entry.fault = Conflict(str(fault))
        except Exception as fault:  # an entry's fault is its caller's, never its neighbours'
            self._take_back(txn, mark)
            corrupt = isinstance(fault, sqlite3.DatabaseError)
            sentence = f"the store cannot be written: {str(fault).lower()}"
            entry.fault = AilyusError("store_corrupt", sentence) if corrupt else fault
        self._connection.execute("RELEASE entry")

    def _take_back(self, txn: SqliteTxn, mark: int) -> None:
        self._require_transaction()
        self._connection.execute("ROLLBACK TO entry")  # guard: SAVEPOINT
        del txn.leaves[mark:]

    def _require_transaction(self) -> None:
        if not self._connection.in_transaction:
            raise sqlite3.OperationalError("the engine rolled the group back")

    def _durably_commit(self) -> None:
        self._connection.execute("COMMIT")

    def _settle_group(self, group: Sequence[Entry[object]], frontier: Frontier, now_ms: int) -> None:
        self.commits += 1
        self.changes += 1
        self._reset_clock = False
        try:
            if frontier.size != self._frontier.size:
                self._write_head(frontier)
        except OSError as error:
            self._failed = f"the head file cannot be written: {error.strerror}"
            return answer_all(group, NotDurable(self._failed))
        self._frontier, self._high_water_ms = frontier, now_ms
        answer(group)
        self._bound_wal()  # guard: bound of the write-ahead log
        return None

    def _bound_wal(self) -> None:
        """Write a long write-ahead log back and cut it, unless somebody reads an older state: then say who."""
        now = time.monotonic()
        if now < self._wal_again:  # to ask for its size after every commit costs as much as half of the commit
            return
        size = wal.size_of(self.path)
        self._wal_again = now + (WAL_LOOK_SECONDS if size <= wal.LIMIT else WAL_SECONDS)
        if size <= wal.LIMIT:
            return
        try:
            self._connection.execute("PRAGMA busy_timeout = 0")  # the writer waits for no reader
            try:
                busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        except sqlite3.Error:  # the next commit says what is wrong with the store
            return
        if busy:
            by = ", ".join(f"{h.name} (pid {h.pid})" for h in wal.holders(self.path)) or "this gateway"
            log.warning("store_wal_grows", megabytes=size // 1_000_000, held_by=by, hint="end what reads the store")

    def _recover(self, group: Sequence[Entry[object]], attempted: Frontier, error: Exception) -> None:
        """A COMMIT that failed is unknown: open anew, read the head again, and only then answer."""
        fault = NotDurable(f"the store did not take the commit: {str(error).lower()}")
        try:
            self._connection.close()
            self._connection = self._open()
            frontier, high_water = self._load_head()
        except (sqlite3.Error, OSError, AilyusError):
            self._failed = fault.sentence
            return answer_all(group, fault)
        if frontier.size == attempted.size > self._frontier.size and frontier.root() == attempted.root():
            return self._settle_group(group, frontier, high_water)
        self._frontier, self._high_water_ms = frontier, high_water
        return answer_all(group, fault)

    # -- opening ----------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        try:
            connection = connect(self.path)
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                schema = files("receipts.store").joinpath("schema.sql").read_text()
                connection.executescript(f"BEGIN IMMEDIATE;{schema};PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
                os.chmod(self.path, 0o600)
            _migrate(connection)
        except sqlite3.DatabaseError as error:
            raise AilyusError("store_corrupt", f"the store does not open: {str(error).lower()}") from None
        return connection

    def _load_head(self) -> tuple[Frontier, int]:
        row = self._connection.execute(
            "SELECT size, note, at_ms FROM checkpoints ORDER BY size DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return Frontier(0, []), 0
        size, note, at_ms = row
        try:
            # INVARIANT: the gateway goes on only from a checkpoint that its own key signed
            open_note(note, self.origin, self.signer.public)  # guard: a file goes on from a signed checkpoint
        except AilyusError:
            hint = "start with this store's own `origin` and `.ailyus/log.pem`; `ailyus audit` says what was changed"
            raise AilyusError("bad_settings", "the log is signed by another key or name", hint=hint) from None
        return frontier_at(size, note, nodes_by(reader(self._connection))), int(at_ms)

    def _refuse_rewound(self) -> None:
        # INVARIANT: a store older than its last witnessed head does not start.
        text = os.pread(self._head_fd, 256, 0).decode("ascii", "replace").split("\n")[0].split()
        if not text:
            return self._write_head(self._frontier)
        if len(text) != 2 or not text[0].isdigit():
            raise AilyusError("store_corrupt", f"the head file `{self.head_path.name}` is damaged")
        size, root = int(text[0]), text[1]
        node = nodes_by(reader(self._connection))
        if size > self._frontier.size or (size and range_hash(0, size, node).hex() != root):
            raise AilyusError("store_rewound", f"the log ends at {self._frontier.size}, its last known head is {size}")
        return None

    def _write_head(self, frontier: Frontier) -> None:
        line = f"{frontier.size} {frontier.root().hex()}\n".ljust(128)
        os.pwrite(self._head_fd, line.encode(), 0)
        os.fdatasync(self._head_fd)


def migrate(path: Path) -> tuple[int, int]:
    """Bring a file that nobody owns to the newest version: the versions before and after. Forward only."""
    lock = _own(path.with_suffix(path.suffix + ".lock"))
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
    lock = _own(path.with_suffix(path.suffix + ".lock"))
    try:
        with contextlib.closing(connect(path)) as connection:
            _migrate(connection)
            connection.execute("BEGIN")
            yield connection
    finally:
        os.close(lock)


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Open with the durability that the journal's promises rest on; other threads may use the connection in turn."""
    uri = f"file:{path}?mode={'ro' if readonly else 'rwc'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    connection.execute("PRAGMA foreign_keys = ON")
    if not readonly:
        connection.execute("PRAGMA journal_mode = WAL")
        # INVARIANT: NORMAL can lose the intent at power loss after the effect happened.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute(f"PRAGMA journal_size_limit = {wal.LIMIT}")
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
        raise AilyusError("store_corrupt", f"the store cannot be read: {str(error).lower()}") from None


def _own(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # guard: one owner
    except OSError:
        os.close(descriptor)
        raise AilyusError("owner_elsewhere", "another process owns this store") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
