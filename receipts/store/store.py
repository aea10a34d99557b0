"""The store, whatever its engine: one writer thread that commits entries in groups; reading never waits for it.

`Store` is what `SqliteStore` and `PostgresStore` share: the queue, the groups, the log's leaves and the checkpoint over
them. It knows nothing of actions: an entry is work over a `Txn`, and what it means is its caller's business. `Journal`,
its parts and whoever keeps rows beside it write through `write`; everybody reads through `read`.

- An entry MUST be answered only after its COMMIT returned and its head is remembered.
- An entry that fails MUST leave no row and no leaf, and MUST NOT spoil the others of its group.
- A COMMIT that fails is unknown: the head MUST be read again before anything goes on.
- The log MUST only grow, by the leaves of a committed group and one checkpoint over them (invariant 10).
- A claim MUST be refused while the clock is more than 2 s behind the last commit (`Txn.require_clock`).
"""

import asyncio
import contextlib
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from contracts.errors import AilyusError, NotDurable
from receipts.log.merkle import Checkpoint, Frontier, LogProof, consistency_proof, inclusion_proof, leaf_hash
from receipts.log.signing import Envelope, Signer

T = TypeVar("T")
Value = str | int | bytes | None
Row = tuple[Value, ...]
Read = Callable[..., list[Row]]
"""SQL and its values in, rows out."""
NEWEST = "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"
MAX_GROUP = 256
MAX_QUEUED = 4096
MAX_CLOCK_BACK_MS = 2_000
SEARCH = "INSERT INTO search VALUES (?, ?)"
EVIDENCE = "INSERT INTO evidence VALUES (?, ?, ?, ?)"
NODES = "INSERT INTO nodes VALUES (?, ?, ?)"
CHECKPOINTS = "INSERT INTO checkpoints VALUES (?, ?, ?)"
STATEMENTS = (
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
class StatementIndex:
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


@dataclass(frozen=True, slots=True)
class Change:
    """What another process committed: the ids of actions (None: any), and whether controls are among it."""

    ids: frozenset[str] | None
    controls: bool


class Txn(ABC):
    """What one entry may do, all of it or nothing. `control_changes` counts changed halts, epochs and incidents."""

    def __init__(self, size: int, now_ms: int, clock_ok: bool) -> None:
        self._base = size
        self.leaves: list[bytes] = []
        self.now_ms = now_ms
        self.control_changes = 0
        self._clock_ok = clock_ok

    def write(self, sql: str, *params: Value, rows: int | None = 1) -> int:
        """One guarded statement; another number of rows than expected raises `Conflict`."""
        count = self._count(sql, params)
        if rows is not None and count != rows:
            raise Conflict
        return count

    def own(self, sql: str, *params: Value) -> None:
        """One guarded statement that changes one row, of the entry's own action: it may wait for the group's end."""
        self.write(sql, *params)

    def expect(self, usual: Row, sql: str, *params: Value) -> Row:
        """The one row of integers that a query gives; or `usual`, for as long as it is not asked yet.

        INVARIANT: an entry that was told `usual` where the truth is otherwise leaves nothing, and is run again with it.
        """
        (row,) = self.query(sql, *params)
        return row

    @abstractmethod
    def many(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for each of several rows; how many it changed is not asked."""

    @abstractmethod
    def query(self, sql: str, *params: Value) -> list[Row]:
        """Rows as this transaction sees them."""

    @abstractmethod
    def _count(self, sql: str, params: Sequence[Value]) -> int:
        """Run one statement; how many rows it changed."""

    def append(self, index: StatementIndex, envelope: Envelope) -> int:
        """Log a signed statement; returns its leaf index, which is final only when the entry stays."""
        position = self._base + len(self.leaves)
        changed = None if index.changed is None else int(index.changed)
        row = (
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
        )
        self.many(STATEMENTS, [row])
        self.many(SEARCH, [(value, position) for value in index.search])
        self.leaves.append(leaf_hash(envelope.leaf()))
        return position

    def require_clock(self) -> None:
        """Refuse a claim while the clock runs behind the store's last committed time."""
        if not self._clock_ok:  # guard: clock
            raise AilyusError("clock_behind", "the clock is more than 2 s behind the store")


Work = Callable[[Txn], T]


@dataclass(slots=True)
class Entry(Generic[T]):
    """One unit of work, the actions that it changes, and who waits for it: `loop` is set when a coroutine does."""

    work: Work[T]
    waiter: "Future[T] | asyncio.Future[T]"
    loop: asyncio.AbstractEventLoop | None = None
    ids: tuple[str, ...] = ()
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


class Store(ABC):
    """One log and everything beside it. `write` is the only way in; readers never wait for it.

    `shared`: other processes write to it too. `changes` counts what was committed here, or heard of from others;
    `repeated` the groups that were done again, entry by entry, because one of them failed.
    """

    shared = False

    def __init__(self, path: Path, signer: Signer, origin: str, clock: Callable[[], int] | None = None) -> None:
        self.path = path
        self.signer = signer
        self.origin = origin
        self.commits = 0
        self.repeated = 0
        self.changes = 0
        self._own_clock = clock
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._queue: queue.SimpleQueue[Entry[object] | None] = queue.SimpleQueue()
        self._failed: str | None = None
        self._reset_clock = False
        self._high_water_ms = 0
        self._frontier = Frontier(0, [])
        self._thread = threading.Thread(target=self._run, name="ailyus-writer", daemon=True)

    @property
    @abstractmethod
    def head_path(self) -> Path:
        """The file that remembers the newest head outside the database."""

    @property
    def high_water_ms(self) -> int:
        """The time of the last commit, before which no claim is made."""
        return self._high_water_ms

    def reset_clock(self) -> None:
        """Let the next group be committed at the clock's time, however far ahead the last one was."""
        self._reset_clock = True

    def now_ms(self) -> int:
        """The clock, in integer milliseconds since the epoch."""
        return self._clock()

    async def write(self, work: Work[T], ids: Sequence[str] = ()) -> T:
        """Run one entry durably; it changes the actions `ids`. Raises what the entry raised, or `NotDurable`.

        Cancelling the waiter never cancels the entry.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._put(Entry(work, waiter, loop, tuple(ids)))
        return await waiter

    @abstractmethod
    async def follow(self, heard: Callable[[Change], Awaitable[None]]) -> None:
        """From now on hear of what other processes commit, and a few times a second of nothing; until it is closed."""

    def submit(self, work: Work[T]) -> "Future[T]":
        """Queue one entry from any thread; the future is answered after the COMMIT and the head file."""
        future: Future[T] = Future()
        self._put(Entry(work, future))
        return future

    @property
    def size(self) -> int:
        """How many statements the log has."""
        return self._frontier.size

    @abstractmethod
    async def read(self, sql: str, *params: Value) -> list[Row]:
        """A point read."""

    @abstractmethod
    async def read_aside(self, work: Callable[[Read], T]) -> T:
        """Longer reading, in a thread and on a connection of its own, so that the loop never waits for it."""

    async def newest(self) -> str:
        """The newest committed checkpoint, as a signed note ('' when the log is empty)."""
        rows = await self.read(NEWEST)
        return str(rows[0][0]) if rows else ""

    @abstractmethod
    def close(self) -> None:
        """Let queued entries finish, then give the store up. Waits: not in a loop."""

    async def aclose(self) -> None:
        """The same, from a loop."""
        await asyncio.to_thread(self.close)

    @abstractmethod
    def _commit_group(self, group: "Sequence[Entry[object]]") -> None:
        """Commit these, and answer each. In the writer thread."""

    def _finish(self) -> None:
        """Let queued entries finish."""
        self._queue.put(None)
        self._thread.join()

    def _put(self, entry: "Entry[T]") -> None:
        if self._failed:
            raise NotDurable(self._failed)
        if self._queue.qsize() >= MAX_QUEUED:
            raise AilyusError("overloaded", "the journal's queue is full")
        self._queue.put(cast("Entry[object]", entry))

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
            try:
                self._commit_group(group)
            except Exception as fault:
                # INVARIANT: what our own fault left is not known: nothing more is written, and nobody waits for ever
                self._failed = f"the store's writer failed: {type(fault).__name__.lower()}"
                answer_all(group, NotDurable(self._failed))  # guard: a writer that fails says so
            if stop:
                return

    def _append_leaves(self, frontier: Frontier, txn: Txn) -> None:
        """Put the leaves of a group, and the checkpoint over them, into its transaction."""
        if not txn.leaves:
            return
        txn.many(NODES, [n for leaf in txn.leaves for n in frontier.append(leaf)])
        checkpoint = Checkpoint(self.origin, frontier.size, frontier.root())
        note = self.signer.note(self.origin, checkpoint.body)
        txn.many(CHECKPOINTS, [(frontier.size, note, txn.now_ms)])


def frontier_at(size: int, note: str, node: Callable[[int, int], bytes]) -> Frontier:
    """The log's frontier at a size, whose root must be that of its checkpoint."""
    frontier = Frontier.of(size, node)
    if Checkpoint.of_note(note).root != frontier.root():
        raise AilyusError("store_corrupt", "the log's nodes do not give the root of its checkpoint")
    return frontier


def nodes_by(read: Read) -> Callable[[int, int], bytes]:
    """The nodes of the log, by level and index."""

    def node(level: int, index: int) -> bytes:
        rows = read("SELECT hash FROM nodes WHERE level = ? AND idx = ?", level, index)
        if not rows:
            raise AilyusError("store_corrupt", "a node of the log is missing")
        return blob(rows[0][0])

    return node


def newest_note(read: Read) -> str:
    """The newest committed checkpoint note, '' when there is none."""
    rows = read(NEWEST)
    return str(rows[0][0]) if rows else ""


def proof_by(read: Read, leaf_index: int) -> LogProof:
    """The inclusion proof of a leaf in the newest committed checkpoint."""
    note = newest_note(read)
    hashes = inclusion_proof(leaf_index, Checkpoint.of_note(note).size, nodes_by(read))
    return LogProof(leaf_index, tuple(hashes), note)


def consistency_by(read: Read, old: int, size: int) -> list[bytes]:
    """The consistency proof between two sizes of the log."""
    return consistency_proof(old, size, nodes_by(read))


def answer_all(group: Sequence[Entry[object]], fault: Exception) -> None:
    """Every entry of a group failed so."""
    for entry in group:
        entry.fault = fault
    answer(group)


def answer(group: Sequence[Entry[object]]) -> None:
    """One wake-up for each loop, however many of its coroutines wait."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Entry[object]]] = {}
    for entry in group:
        if entry.loop is None:
            entry.answer()
        else:
            by_loop.setdefault(entry.loop, []).append(entry)
    for loop, entries in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_answer_here, entries)


def _answer_here(entries: Sequence[Entry[object]]) -> None:
    for entry in entries:
        entry.answer()
