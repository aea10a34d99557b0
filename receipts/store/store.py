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
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar, cast

from contracts.errors import AilyusError, NotDurable
from receipts.log.checkpoint import Checkpoint
from receipts.log.log_keys import LogKeys
from receipts.log.merkle import Frontier
from receipts.log.signing import Signer, open_note
from receipts.log.signing_key import SigningKey
from receipts.store.data_keys import DataKeys, may_be_sealed, opened_later, opening
from receipts.store.entry import Entry, answer_all
from receipts.store.key_history import keys_from, keys_to
from receipts.store.log_tables import CHECKPOINTS, NEWEST, NODES
from receipts.store.row import Read, Row, Value
from receipts.store.transaction import Txn, Work

T = TypeVar("T")
MAX_GROUP = 256
MAX_QUEUED = 4096
MAX_CLOCK_BACK_MS = 2_000
ARCHIVES: Final = "somebody else archives this store now"
_PROBE: Final = "INSERT INTO meta VALUES ('probe', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class KeyMissing(AilyusError):
    """The log is signed by a key that this process does not hold; it may come to where the key is read from."""


@dataclass(frozen=True, slots=True)
class Change:
    """What another process committed: the ids of actions (None: any), and whether controls are among it."""

    ids: frozenset[str] | None
    controls: bool


@dataclass(frozen=True, slots=True)
class ReaderUsage:
    """How many readers are at work, and how many there may be."""

    used: int
    most: int


class Store(ABC):
    """One log and everything beside it. `write` is the only way in; readers never wait for it.

    `shared`: other processes write to it too. `changes` counts what was committed here, or heard of from others;
    `repeated` the groups that were done again, entry by entry, because one of them failed. `watch` is told of each
    group, in the writer thread: how many entries it had, and the seconds that it took.
    """

    shared = False

    def __init__(self, path: Path, signer: Signer, origin: str, clock: Callable[[], int] | None = None) -> None:
        self.path = path
        self.signer = signer
        self.keys = LogKeys.of(signer)
        """Every key that signed the log, for whoever reads old statements."""
        self.successors: Callable[[], Sequence[SigningKey]] = tuple
        """The keys that are held where the signer's was read from; asked when it does not sign the log any more."""
        self.origin = origin
        self.data_keys: DataKeys | None = None
        """Seals and opens what is personal; the journal brings it."""
        self.commits = 0
        self.repeated = 0
        self.changes = 0
        self.watch: Callable[[int, float], None] | None = None
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
    def failed(self) -> str | None:
        """Why nothing more is written until a restart; None while that is not so."""
        return self._failed

    @abstractmethod
    def is_owner(self) -> bool:
        """Does this process still hold what lets it write here? It tries to have it again. Waits: not on a loop."""

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
        return await self._entered(work, tuple(ids))

    async def probe(self) -> None:
        """Commit one row that means nothing, as every entry is committed. Raises what it would raise.

        The store's time does not move by it, and nobody is told that anything changed.
        """
        await self._entered(_touch, (), quiet=True)

    async def _entered(self, work: Work[T], ids: tuple[str, ...], *, quiet: bool = False) -> T:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._put(Entry(work, waiter, loop, ids, quiet))
        return await waiter

    @abstractmethod
    def archiving(self) -> AbstractContextManager[None]:
        """What whoever archives holds meanwhile, of all processes one. Raises `owner_elsewhere`. Not on a loop."""

    @abstractmethod
    async def follow(self, heard: Callable[[Change], Awaitable[None]]) -> None:
        """From now on hear of what other processes commit, and a few times a second of nothing; until it is closed."""

    def submit(self, work: Work[T]) -> "Future[T]":
        """Queue one entry from any thread; the future is answered after the COMMIT and the head file."""
        future: Future[T] = Future()
        self._put(Entry(work, future))
        return future

    async def follow_keys(self) -> None:
        """Read how the log's key was rotated since, here or by another process."""
        self.keys = await self.read_aside(lambda read: keys_from(read, self.keys))

    @property
    def size(self) -> int:
        """How many statements the log has."""
        return self._frontier.size

    @property
    def queued(self) -> int:
        """How many entries wait for the writer."""
        return self._queue.qsize()

    @property
    @abstractmethod
    def readers(self) -> ReaderUsage:
        """The readers of a snapshot, or the connections of a database."""

    @abstractmethod
    def bytes_of(self, read: Read) -> int:
        """How much the store takes on its disk."""

    async def read(self, sql: str, *params: Value) -> list[Row]:
        """A point read, which sees every commit that was answered before; never on the loop."""
        rows = await self._point(sql, *params)
        if self.data_keys is None or not may_be_sealed(sql):
            return rows
        return await opened_later(self.data_keys, rows, self._point)

    async def read_aside(self, work: Callable[[Read], T]) -> T:
        """Longer reading of one snapshot, in another thread: neither the loop nor a point read waits for it."""
        keys = self.data_keys
        return await self.read_sealed(work if keys is None else lambda read: work(opening(read, keys)))

    @abstractmethod
    async def read_sealed(self, work: Callable[[Read], T]) -> T:
        """The same, of rows as they are kept: for whoever copies them."""

    @abstractmethod
    async def _point(self, sql: str, *params: Value) -> list[Row]:
        """Rows as they are kept."""

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

    def _refuse_lost(self) -> None:  # noqa: B027 - each engine has its own, which calls nothing here
        """Raise `store_restored` or `store_rewound` where something was lost that nobody has accepted."""

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
            begun = time.perf_counter()
            try:
                self._commit_group(group)
            except Exception as fault:
                # INVARIANT: what our own fault left is not known: nothing more is written, and nobody waits for ever
                self._failed = f"the store's writer failed: {type(fault).__name__.lower()}"
                answer_all(group, NotDurable(self._failed))  # guard: a writer that fails says so
            if self.watch is not None:
                with contextlib.suppress(Exception):  # INVARIANT: whoever only watches never stops the writer
                    self.watch(len(group), time.perf_counter() - begun)
            if stop:
                return

    def _append_leaves(self, frontier: Frontier, txn: Txn) -> None:
        """Put the leaves of a group, and the checkpoint over them, into its transaction."""
        if not txn.leaves:
            return
        txn.write_many(NODES, [n for leaf in txn.leaves for n in frontier.append(leaf)])
        checkpoint = Checkpoint(self.origin, frontier.size, frontier.root())
        note = txn.signer.note(self.origin, checkpoint.body)
        txn.write_many(CHECKPOINTS, [(frontier.size, note, txn.now_ms)])

    def _follow_rotation(self, txn: Txn) -> None:
        """After the COMMIT of a group: what is signed from now on is signed with the key that it was rotated to."""
        if txn.rotation is not None:
            index, key, rotation = txn.rotation
            self.keys = self.keys.after(rotation, index)
            self.signer.succeed(key)

    def _require_own(self, note: str, read: Read) -> None:
        """Raise unless our own key signed this newest checkpoint, or one that is held now and came after it."""
        if not self._is_own(note, self.signer.public):
            # INVARIANT 10: once it was rotated, nothing is added to the log with a former key
            found = [key for key in self.successors() if self._is_own(note, Signer(key).public)]
            if not found:
                raise self._key_missing(read)
            self.signer.succeed(found[0])
            self.keys = keys_to(read, self.signer, self.origin)

    def _is_own(self, note: str, public: bytes) -> bool:
        try:
            open_note(note, self.origin, public)
        except AilyusError:
            return False
        return True

    def _key_missing(self, read: Read) -> AilyusError:
        self.keys = keys_from(read, self.keys)  # what is not signed by us any more can still be read
        key = self.keys.newest
        if key.keyid == self.signer.keyid:
            hint = "start with this store's own `origin` and `[log] key`; `ailyus audit` says what was changed"
            return AilyusError("bad_settings", "the log is signed by another key or name", hint=hint)
        hint = "put the key where `[log] key` is read from; it is looked for there again and again"
        sentence = f"from {key.first} on the log is signed with the key `{key.keyid}`, which is not held here"
        return KeyMissing("bad_settings", sentence, hint=hint)


def _touch(txn: Txn) -> None:
    """Inside a commit: a row of its own is written, and a signer outside of this process answers."""
    txn.probe_signer()
    txn.write(_PROBE, str(txn.now_ms))
