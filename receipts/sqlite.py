"""The store on SQLite: one owner process, one writer thread, grouped commits with a SAVEPOINT per entry.

Promises: an entry MUST be answered only after its COMMIT returned and the head file is on disk. An entry that fails
MUST leave no row and no leaf. A COMMIT that fails is unknown: the head MUST be read again before anything goes on.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Generic, TypeVar, cast

from contracts.errors import AilyusError, NotDurable
from receipts.log import Checkpoint, Frontier, LogProof, consistency_proof, inclusion_proof, leaf_hash, range_hash
from receipts.signing import Envelope, Signer

T = TypeVar("T")
Value = str | int | bytes | None
Row = tuple[Value, ...]
SCHEMA_VERSION = 4
MAX_GROUP = 256
MAX_QUEUED = 4096
MAX_CLOCK_BACK_MS = 2_000
_STATEMENT = (
    "INSERT INTO statements (leaf_index, id, kind, action_id, tenant, agent, contract, status, changed, at_ms,"
    " envelope) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def blob(value: object) -> bytes:
    """A BLOB column's value; anything else means that the store was tampered with."""
    if not isinstance(value, bytes):
        raise AilyusError("store_corrupt", "a column that holds bytes holds something else")
    return value


def integer(value: object) -> int:
    """An INTEGER column's value; anything else means that the store was tampered with."""
    if not isinstance(value, int):
        raise AilyusError("store_corrupt", "a column that holds a number holds something else")
    return value


class Conflict(Exception):
    """A guarded statement met other rows than expected: the world moved on, and nothing was written."""


@dataclass(frozen=True, slots=True)
class Index:
    """The searchable columns of one statement; `audit` compares them with the signed body."""

    id: str
    kind: str
    action_id: str | None
    tenant: str
    agent: str
    contract: str
    status: str
    changed: bool | None
    at_ms: int
    search: tuple[str, ...] = ()


class Txn:
    """What one entry may do inside its SAVEPOINT. `control_changes` counts changed halts, epochs and incidents."""

    def __init__(self, connection: sqlite3.Connection, size: int, now_ms: int, clock_ok: bool) -> None:
        self._connection = connection
        self._base = size
        self.leaves: list[bytes] = []
        self.now_ms = now_ms
        self.control_changes = 0
        self._clock_ok = clock_ok

    def write(self, sql: str, *params: Value, rows: int | None = 1) -> int:
        """One guarded statement; another number of rows than expected raises `Conflict`."""
        count = self._connection.execute(sql, params).rowcount
        if rows is not None and count != rows:
            raise Conflict
        return count

    def insert(self, sql: str, rows: Sequence[Row]) -> None:
        """Several rows of one table."""
        if rows:
            self._connection.executemany(sql, rows)

    def query(self, sql: str, *params: Value) -> list[Row]:
        """Rows as this transaction sees them."""
        return self._connection.execute(sql, params).fetchall()

    def append(self, index: Index, envelope: Envelope) -> int:
        """Log a signed statement; returns its leaf index, which is final only when the entry stays."""
        position = self._base + len(self.leaves)
        changed = None if index.changed is None else int(index.changed)
        self._connection.execute(
            _STATEMENT,
            (
                position,
                index.id,
                index.kind,
                index.action_id,
                index.tenant,
                index.agent,
                index.contract,
                index.status,
                changed,
                index.at_ms,
                envelope.encoded(),
            ),
        )
        self.insert("INSERT INTO search VALUES (?, ?)", [(value, position) for value in index.search])
        self.leaves.append(leaf_hash(envelope.leaf()))
        return position

    def require_clock(self) -> None:
        """Refuse a claim while the clock runs behind the store's last committed time."""
        if not self._clock_ok:
            raise AilyusError("clock_behind", "the clock is more than 2 s behind the store")


Work = Callable[[Txn], T]


@dataclass(slots=True)
class _Entry(Generic[T]):
    """One unit of work and who waits for it; `loop` is set when a coroutine of that loop does."""

    work: Work[T]
    waiter: "Future[T] | asyncio.Future[T]"
    loop: asyncio.AbstractEventLoop | None = None
    result: T | None = None
    fault: BaseException | None = None

    def answer(self) -> None:
        """Tell the waiter, if it still waits."""
        if self.waiter.cancelled():
            return
        if self.fault is not None:
            self.waiter.set_exception(self.fault)
        else:
            self.waiter.set_result(cast(T, self.result))


class Store:
    """One store file and its owner. `write` is the only way in; readers never wait for it."""

    def __init__(self, path: Path, signer: Signer, origin: str, clock: Callable[[], int] | None = None) -> None:
        self.path = path
        self.signer = signer
        self.origin = origin
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._queue: queue.SimpleQueue[_Entry[object] | None] = queue.SimpleQueue()
        self._failed: str | None = None
        self.commits = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _own(path.with_suffix(path.suffix + ".lock"))
        try:
            self._connection = self._open()
            self._reader = connect(path, readonly=True)
            self._head_fd = os.open(self.head_path, os.O_RDWR | os.O_CREAT, 0o600)
            self._frontier, self._high_water_ms = self._load_head()
            self._refuse_rewound()
        except BaseException:
            os.close(self._lock)
            raise
        self._thread = threading.Thread(target=self._run, name="ailyus-writer", daemon=True)
        self._thread.start()

    @property
    def head_path(self) -> Path:
        """The file that remembers the newest head outside the database."""
        return self.path.with_suffix(self.path.suffix + ".head")

    def now_ms(self) -> int:
        """The clock, in integer milliseconds since the epoch."""
        return self._clock()

    async def write(self, work: Work[T]) -> T:
        """Run one entry durably. Raises what the entry raised, or `NotDurable`.

        Cancelling the waiter never cancels the entry.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._put(_Entry(work, waiter, loop))
        return await waiter

    def submit(self, work: Work[T]) -> "Future[T]":
        """Queue one entry from any thread; the future is answered after the COMMIT and the head file."""
        future: Future[T] = Future()
        self._put(_Entry(work, future))
        return future

    def _put(self, entry: "_Entry[T]") -> None:
        if self._failed:
            raise NotDurable(self._failed)
        if self._queue.qsize() >= MAX_QUEUED:
            raise AilyusError("overloaded", "the journal's queue is full")
        self._queue.put(cast("_Entry[object]", entry))

    @property
    def size(self) -> int:
        """How many statements the log has."""
        return self._frontier.size

    async def read(self, sql: str, *params: Value) -> list[Row]:
        """A point read on the loop: microseconds from the page cache, and WAL never makes it wait for the writer."""
        try:
            return self._reader.execute(sql, params).fetchall()
        except sqlite3.DatabaseError as error:
            raise AilyusError("store_corrupt", f"the store cannot be read: {str(error).lower()}") from None

    async def aside(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Longer reading, in a thread and on a connection of its own, so that the loop never waits for it."""

        def run() -> T:
            connection = connect(self.path, readonly=True)
            try:
                return work(connection)
            finally:
                connection.close()

        return await asyncio.to_thread(run)

    async def read_aside(self, work: Callable[[Callable[..., list[Row]]], T]) -> T:
        """The same for a search."""
        return await self.aside(lambda c: work(lambda sql, *params: c.execute(sql, params).fetchall()))

    def close(self) -> None:
        """Let queued entries finish, then give the store up."""
        self._queue.put(None)
        self._thread.join()
        self._reader.close()  # first: the last to close writes the WAL back, and this one may not
        self._connection.close()
        os.close(self._head_fd)
        os.close(self._lock)

    # -- the writer thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group = [first]
            stop = False
            while len(group) < MAX_GROUP and not self._queue.empty():
                entry = self._queue.get()
                if entry is None:
                    stop = True
                    break
                group.append(entry)
            self._commit_group(group)
            if stop:
                return

    def _commit_group(self, group: Sequence[_Entry[object]]) -> None:
        if self._failed:
            return _answer_all(group, NotDurable(self._failed))
        now = self._clock()
        frontier = Frontier(self._frontier.size, list(self._frontier.peaks))
        txn = Txn(
            self._connection,
            frontier.size,
            max(now, self._high_water_ms),
            now >= self._high_water_ms - MAX_CLOCK_BACK_MS,
        )
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for entry in group:
                self._run_entry(entry, txn)
            self._append_leaves(frontier, txn)
            self._durably_commit()
        except (sqlite3.Error, OSError) as error:
            return self._recover(group, frontier, error)
        self._settle_group(group, frontier, txn.now_ms)

    def _run_entry(self, entry: _Entry[object], txn: Txn) -> None:
        # INVARIANT: a failed statement aborts itself, not the transaction; only the SAVEPOINT takes back what the
        # entry wrote before it, so that a refused use of an approval leaves no intent behind.
        mark = len(txn.leaves)
        self._connection.execute("SAVEPOINT entry")
        try:
            entry.result = entry.work(txn)
        except Exception as fault:  # an entry's fault is its caller's, never its neighbours'
            if not self._connection.in_transaction:
                raise sqlite3.OperationalError("the engine rolled the group back") from fault
            self._connection.execute("ROLLBACK TO entry")
            del txn.leaves[mark:]
            entry.fault = fault
        self._connection.execute("RELEASE entry")

    def _append_leaves(self, frontier: Frontier, txn: Txn) -> None:
        if not txn.leaves:
            return
        nodes = [node for leaf in txn.leaves for node in frontier.append(leaf)]
        self._connection.executemany("INSERT INTO nodes VALUES (?, ?, ?)", nodes)
        checkpoint = Checkpoint(self.origin, frontier.size, frontier.root())
        note = self.signer.note(self.origin, checkpoint.body)
        self._connection.execute("INSERT INTO checkpoints VALUES (?, ?, ?)", (frontier.size, note, txn.now_ms))

    def _durably_commit(self) -> None:
        self._connection.execute("COMMIT")

    def _settle_group(self, group: Sequence[_Entry[object]], frontier: Frontier, now_ms: int) -> None:
        self.commits += 1
        try:
            if frontier.size != self._frontier.size:
                self._write_head(frontier)
        except OSError as error:
            self._failed = f"the head file cannot be written: {error.strerror}"
            return _answer_all(group, NotDurable(self._failed))
        self._frontier, self._high_water_ms = frontier, now_ms
        _answer(group)
        return None

    def _recover(self, group: Sequence[_Entry[object]], attempted: Frontier, error: Exception) -> None:
        """A COMMIT that failed is unknown: open anew, read the head again, and only then answer."""
        fault = NotDurable(f"the store did not take the commit: {str(error).lower()}")
        try:
            self._connection.close()
            self._connection = self._open()
            frontier, high_water = self._load_head()
        except (sqlite3.Error, OSError, AilyusError):
            self._failed = fault.sentence
            return _answer_all(group, fault)
        if frontier.size == attempted.size > self._frontier.size and frontier.root() == attempted.root():
            return self._settle_group(group, frontier, high_water)
        self._frontier, self._high_water_ms = frontier, high_water
        return _answer_all(group, fault)

    # -- opening ----------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        try:
            connection = connect(self.path)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                schema = files("receipts").joinpath("schema.sql").read_text()
                connection.executescript(f"BEGIN IMMEDIATE;{schema};PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
                os.chmod(self.path, 0o600)
            elif not 1 <= version <= SCHEMA_VERSION:
                raise AilyusError("store_corrupt", f"the store has version {version}, not {SCHEMA_VERSION}")
            for step in range(version + 1, SCHEMA_VERSION + 1) if version else ():
                change = files("receipts").joinpath("migrations", f"{step}.sql").read_text()
                connection.executescript(f"BEGIN IMMEDIATE;{change};PRAGMA user_version = {step};COMMIT;")
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
        frontier = Frontier.of(size, partial(_node, self._connection))
        if Checkpoint.of_note(note).root != frontier.root():
            raise AilyusError("store_corrupt", "the log's nodes do not give the root of its checkpoint")
        return frontier, int(at_ms)

    def _refuse_rewound(self) -> None:
        # INVARIANT: a store older than its last witnessed head does not start.
        text = os.pread(self._head_fd, 256, 0).decode("ascii", "replace").split("\n")[0].split()
        if not text:
            return self._write_head(self._frontier)
        if len(text) != 2 or not text[0].isdigit():
            raise AilyusError("store_corrupt", f"the head file `{self.head_path.name}` is damaged")
        size, root = int(text[0]), text[1]
        node = partial(_node, self._connection)
        if size > self._frontier.size or (size and range_hash(0, size, node).hex() != root):
            raise AilyusError("store_rewound", f"the log ends at {self._frontier.size}, its last known head is {size}")
        return None

    def _write_head(self, frontier: Frontier) -> None:
        line = f"{frontier.size} {frontier.root().hex()}\n".ljust(128)
        os.pwrite(self._head_fd, line.encode(), 0)
        os.fdatasync(self._head_fd)

    # -- proofs -----------------------------------------------------------------------------------------------------

    def proof(self, leaf_index: int) -> LogProof:
        """The inclusion proof of a leaf in the newest committed checkpoint."""
        return proof_from(self._reader, leaf_index)

    def head(self) -> str:
        """The newest committed checkpoint, as a signed note ('' when the log is empty)."""
        return newest_note(self._reader)


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Open with the durability that the journal's promises rest on; other threads may use the connection in turn."""
    uri = f"file:{path}?mode={'ro' if readonly else 'rwc'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)
    connection.execute("PRAGMA foreign_keys = ON")
    if not readonly:
        connection.execute("PRAGMA journal_mode = WAL")
        # INVARIANT: NORMAL can lose the intent at power loss after the effect happened.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
    return connection


def proof_from(connection: sqlite3.Connection, leaf_index: int) -> LogProof:
    """The inclusion proof of a leaf, read from any connection to the store."""
    note = newest_note(connection)
    size = Checkpoint.of_note(note).size
    hashes = inclusion_proof(leaf_index, size, partial(_node, connection))
    return LogProof(leaf_index, tuple(hashes), note)


def consistency_from(connection: sqlite3.Connection, old: int, size: int) -> list[bytes]:
    """The consistency proof between two sizes of the log, read from any connection to the store."""
    return consistency_proof(old, size, partial(_node, connection))


def newest_note(connection: sqlite3.Connection) -> str:
    """The newest committed checkpoint note, '' when there is none."""
    row = connection.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    return row[0] if row else ""


def _node(connection: sqlite3.Connection, level: int, index: int) -> bytes:
    row = connection.execute("SELECT hash FROM nodes WHERE level = ? AND idx = ?", (level, index)).fetchone()
    if row is None:
        raise AilyusError("store_corrupt", "a node of the log is missing")
    return bytes(row[0])


def _answer_all(group: Sequence[_Entry[object]], fault: Exception) -> None:
    for entry in group:
        entry.fault = fault
    _answer(group)


def _answer(group: Sequence[_Entry[object]]) -> None:
    """One wake-up for each loop, however many of its coroutines wait."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Entry[object]]] = {}
    for entry in group:
        if entry.loop is None:
            entry.answer()
        else:
            by_loop.setdefault(entry.loop, []).append(entry)
    for loop, entries in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_answer_here, entries)


def _answer_here(entries: Sequence[_Entry[object]]) -> None:
    for entry in entries:
        entry.answer()


def _own(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise AilyusError("owner_elsewhere", "another process owns this store") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
