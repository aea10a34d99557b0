"""The store on SQLite: one owner process, one writer thread, grouped commits.

A group is tried as it is; only when one of its entries fails is it done again, with a SAVEPOINT for each: a savepoint
copies every page that its entry touches, which was more than half of what a group of eight wrote.
"""

import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from contracts.errors import AilyusError, NotDurable
from receipts.log.checkpoint import LogProof
from receipts.log.merkle import Frontier
from receipts.log.signing import Signer
from receipts.log.signing_key import NoSignature
from receipts.store import wal
from receipts.store.entry import Entry, answer, answer_all, is_quiet
from receipts.store.key_history import keys_to
from receipts.store.log_tables import frontier_at, newest_note, nodes_by, proof_by
from receipts.store.mark import refuse_copy
from receipts.store.row import Read, Row, Value
from receipts.store.sqlite_file import is_own, own, reader, unreadable
from receipts.store.sqlite_head import HeadFile
from receipts.store.sqlite_readers import MOST_SNAPSHOTS, PointReader, Snapshots
from receipts.store.sqlite_schema import prepared
from receipts.store.sqlite_transaction import SqliteTxn
from receipts.store.store import ARCHIVES, MAX_CLOCK_BACK_MS, Change, ReaderUsage, Store
from receipts.store.transaction import Conflict
from receipts.store.wal_bound import WalBound

T = TypeVar("T")


class SqliteStore(Store):
    """One store file and its owner."""

    def __init__(self, path: Path, signer: Signer, origin: str, clock: Callable[[], int] | None = None) -> None:
        super().__init__(path, signer, origin, clock)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._wal = WalBound(path)
        self._points = PointReader(path)
        self._snapshots = Snapshots(path)
        self._owning = threading.Lock()
        self._archiver = threading.Lock()
        with ExitStack() as opened:  # a store that does not open leaves nothing open
            lock = own(path)
            self._lock: int | None = lock
            opened.callback(os.close, lock)
            self._connection = self._open()
            opened.callback(self._connection.close)
            self._head = HeadFile(self.head_path)
            opened.callback(self._head.close)
            self._frontier, self._high_water_ms = self._load_head()
            self._refuse_lost()
            opened.pop_all()
        self._thread.start()

    @property
    def head_path(self) -> Path:
        """The file that remembers the newest head outside the database."""
        return self.path.with_suffix(self.path.suffix + ".head")

    def is_owner(self) -> bool:
        """Is the lock of the file still ours? A lock that was taken away is taken again, or nothing more is written."""
        with self._owning:
            if self._lock is None or is_own(self.path, self._lock):
                return self._lock is not None
            try:
                fresh = own(self.path)
            except AilyusError as error:
                # INVARIANT 10: a file has one owner; whoever lost it to another writes nothing more
                self._failed = error.sentence  # guard: a lock that another process took
                return False
            former, self._lock = self._lock, fresh
            os.close(former)
        return False  # it was lost for a while

    @property
    def readers(self) -> ReaderUsage:
        """The readers of a snapshot."""
        return ReaderUsage(self._snapshots.used, MOST_SNAPSHOTS)

    def bytes_of(self, read: Read) -> int:
        """How much the file and its write-ahead log take."""
        return self.path.stat().st_size + wal.size_of(self.path)

    async def _point(self, sql: str, *params: Value) -> list[Row]:
        """A point read, in the thread of its connection: WAL never makes it wait for the writer."""
        try:
            return await self._points.rows(sql, *params)
        except sqlite3.DatabaseError as error:
            raise unreadable(error) from None

    @contextmanager
    def archiving(self) -> Iterator[None]:
        """The owner of the file is one process; within it one archives."""
        if not self._archiver.acquire(blocking=False):
            raise AilyusError("owner_elsewhere", ARCHIVES, hint="wait until it has ended")
        try:
            yield
        finally:
            self._archiver.release()

    async def follow(self, heard: Callable[[Change], Awaitable[None]]) -> None:
        """Nobody else commits to a file."""

    async def read_sealed(self, work: Callable[[Read], T]) -> T:
        """Longer reading of one snapshot, in another thread, four at once: neither the loop nor a point read waits."""
        try:
            return await self._snapshots.read(work)
        except sqlite3.DatabaseError as error:
            raise unreadable(error) from None

    def close(self) -> None:
        """Let queued entries finish, then give the store up."""
        self._finish()
        self._points.close()  # the readers first: the last to close writes the WAL back, and these may not
        self._snapshots.close()
        self._connection.close()
        self._head.close()
        with self._owning:
            if self._lock is not None:
                os.close(self._lock)
            self._lock = None

    def proof(self, leaf_index: int) -> LogProof:
        """The inclusion proof of a leaf in the newest committed checkpoint. Waits: not on a loop."""
        return self._read_here(lambda read: proof_by(read, leaf_index))

    def head(self) -> str:
        """The newest committed checkpoint, as a signed note ('' when the log is empty). Waits: not on a loop."""
        return self._read_here(newest_note)

    def _read_here(self, work: Callable[[Read], T]) -> T:
        try:
            return self._snapshots.run(work)
        except sqlite3.DatabaseError as error:
            raise unreadable(error) from None

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
            except NoSignature as error:  # of the checkpoint: no COMMIT was asked for
                self._connection.execute("ROLLBACK")  # guard: a group without a checkpoint
                return answer_all(group, error)
            if at_ms is not None:
                return self._settle_group(group, frontier, at_ms)
            self.repeated += 1
        return None

    def _attempt(self, group: Sequence[Entry[object]], frontier: Frontier, *, careful: bool) -> int | None:
        """When it was committed; None when an entry failed, and nothing of the group is there."""
        resets = self._reset_clock and not is_quiet(group)
        now, high = self._clock(), 0 if resets else self._high_water_ms
        at_ms, clock_ok = max(now, high), now >= high - MAX_CLOCK_BACK_MS
        txn = SqliteTxn(self._connection, self.signer, frontier.size, at_ms, clock_ok, self.data_keys)
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
        txn.keys.keep()
        self._follow_rotation(txn)
        # a probe while the clock is ahead must not make every commit after it wait for that time
        return high if is_quiet(group) else txn.now_ms  # guard: a probe moves no time

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
        txn.take_back(mark)

    def _require_transaction(self) -> None:
        if not self._connection.in_transaction:
            raise sqlite3.OperationalError("the engine rolled the group back")

    def _durably_commit(self) -> None:
        self._connection.execute("COMMIT")

    def _settle_group(self, group: Sequence[Entry[object]], frontier: Frontier, now_ms: int) -> None:
        quiet = is_quiet(group)
        self.commits += not quiet
        self.changes += not quiet
        self._reset_clock = self._reset_clock and quiet
        try:
            if frontier.size != self._frontier.size:
                self._head.write(frontier)
        except OSError as error:
            self._failed = f"the head file cannot be written: {error.strerror}"
            return answer_all(group, NotDurable(self._failed))
        self._frontier, self._high_water_ms = frontier, now_ms
        answer(group)
        self._wal.hold(self._connection)  # guard: bound of the write-ahead log
        return None

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
        return prepared(self.path)

    def _refuse_lost(self) -> None:
        read = reader(self._connection)
        refuse_copy(read)
        self._head.refuse_rewound(self._frontier, nodes_by(read))  # guard: rewound stores

    def _load_head(self) -> tuple[Frontier, int]:
        row = self._connection.execute(
            "SELECT size, note, at_ms FROM checkpoints ORDER BY size DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return Frontier(0, []), 0
        size, note, at_ms = row
        read = reader(self._connection)
        # INVARIANT: the gateway goes on only from a checkpoint that its own key signed
        self._require_own(str(note), read)  # guard: a file goes on from a signed checkpoint
        self.keys = keys_to(read, self.signer, self.origin)
        return frontier_at(size, note, nodes_by(read)), int(at_ms)
