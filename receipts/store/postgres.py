"""The store on PostgreSQL: one log, written by the replicas of one gateway.

The journal's transitions are the same statements as on SQLite, with the engine's own placeholders. A group of entries
is one transaction; it holds the one row of `head` from its first statement to its end, so positions of the log have no
gaps and no forks, and the time of a commit is the database's.

Promises beside those of `store/store.py`: a COMMIT that errors, or is answered by a warning (a standby that was not
waited for), is unknown: nobody is told that it is durable. A database that is another one, that was promoted, or whose
log is shorter than one that was seen, MUST NOT be written to.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, TypeVar

import asyncpg

from contracts.errors import AilyusError, NotDurable
from receipts.log.merkle import Frontier
from receipts.log.signing import Signer
from receipts.log.signing_key import NoSignature
from receipts.store.connection import (
    ASKED,
    FAULTS,
    SETTINGS,
    DatabaseSession,
    SettingsLost,
    lost_setting,
    refuse_lost,
    said,
)
from receipts.store.database_url import DatabaseUrl
from receipts.store.entry import Entry, answer, answer_all, is_quiet
from receipts.store.key_history import keys_to
from receipts.store.listener import CHANNEL, Listener, payload
from receipts.store.mark import refuse_copy
from receipts.store.postgres_head import ANOTHER, IDENTITY, DatabaseHead, signed_frontier
from receipts.store.postgres_readers import Readers, snapshot
from receipts.store.postgres_schema import prepare
from receipts.store.postgres_transaction import PostgresTxn
from receipts.store.replica_lock import archiver, share
from receipts.store.row import Read, Row, Value, integer
from receipts.store.standby import refuse_unwitnessed
from receipts.store.store import MAX_CLOCK_BACK_MS, Change, KeyMissing, ReaderUsage, Store
from receipts.store.transaction import Conflict

T = TypeVar("T")
COMMIT_SECONDS: Final = 30.0
_HEAD: Final = (
    f"SELECT size, high_water_ms, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, {ASKED} FROM head FOR UPDATE"
)
WRITER: Final = {**SETTINGS, "plan_cache_mode": "force_generic_plan"}
"""The writer's statements are few and large: to plan one takes half as long as to run it."""
_END: Final = (
    "told AS (SELECT pg_notify(?1, ?2)), ended AS (UPDATE head SET size = ?3, high_water_ms = ?4 FROM told RETURNING 1)"
)
"""What ends a group, in the same statement as all that waited for its end."""
_GONE: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""The connection is: nobody's entry is done."""


class PostgresStore(Store):
    """One database and this replica's way into it. `path` names the file that remembers what was seen there."""

    shared = True

    def __init__(
        self, url: str | DatabaseUrl, path: Path, signer: Signer, origin: str, clock: Callable[[], int] | None = None
    ) -> None:
        super().__init__(path, signer, origin, clock)
        self._url = url = DatabaseUrl.of(url)
        self._readers = Readers(url)
        self._ahead_ms = 0
        self._session = DatabaseSession(url, WRITER)
        self._replica = secrets.token_hex(4)
        self._head = DatabaseHead(self.head_path)
        self._listener = Listener(url, self._replica, self._refuse_other_server)
        self._opened: Future[None] = Future()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        self._opened.result()

    @property
    def head_path(self) -> Path:
        """The file that remembers which database it was, and the newest head of its log."""
        return self.path.with_suffix(".head")

    def now_ms(self) -> int:
        """The database's clock, as far as it was heard with the last commit."""
        return self._clock() + self._ahead_ms

    def is_owner(self) -> bool:
        """Has the writer a session, and with it a replica's share of the database? The next group opens one again."""
        return self._session.is_open

    @property
    def readers(self) -> ReaderUsage:
        """The connections of point reads."""
        return self._readers.use

    def bytes_of(self, read: Read) -> int:
        """How much the database takes on its server."""
        return integer(read("SELECT pg_database_size(current_database())")[0][0])

    def archiving(self) -> AbstractContextManager[None]:
        """A lock of the database, which ends with its session."""
        return archiver(self._url)

    async def _point(self, sql: str, *params: Value) -> list[Row]:
        """A point read, by one of a few connections of this loop."""
        try:
            return await self._readers.fetch(sql, *params)
        except FAULTS as error:
            raise NotDurable(f"the store cannot be read: {said(error)}") from None

    async def read_sealed(self, work: Callable[[Read], T]) -> T:
        """Longer reading of one snapshot, in a thread and on a connection of its own."""

        def run() -> T:
            with snapshot(self._url) as read:
                return work(read)

        return await asyncio.to_thread(run)

    def close(self) -> None:
        """Let queued entries finish, then give the connections up."""
        self._finish()

    async def aclose(self) -> None:
        """The same, from the loop that read."""
        await self._listener.close()
        await self._readers.close()
        await super().aclose()

    async def follow(self, heard: Callable[[Change], Awaitable[None]]) -> None:
        """Hear what other replicas commit."""

        async def counted(change: Change) -> None:
            self.changes += change.ids != frozenset()
            await heard(change)

        self._listener.start(counted)

    # -- the writer thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._open()
            self._opened.set_result(None)
            super()._run()
        except Exception as error:
            lost = isinstance(error, FAULTS)
            hint = "is it there, and does `[store] url` name it?"
            away = AilyusError("store_unavailable", f"the database does not open: {said(error)}", hint=hint)
            self._opened.set_exception(away if lost else error)
        finally:
            self._session.close()

    def _commit_group(self, group: Sequence[Entry[object]]) -> None:
        if self._failed:
            return answer_all(group, NotDurable(self._failed))
        try:
            # an entry that fails spoils its transaction: then all are done again, each behind a SAVEPOINT of its own
            done = self._attempt(group, careful=False)
            if done is None:
                self.repeated += 1
                done = self._attempt(group, careful=True)
        except FAULTS as error:
            return self._recover(group, NotDurable(f"the store did not take the commit: {said(error)}"))
        except KeyMissing as error:  # INVARIANT 10: the log was rotated, and nobody adds to it with a former key
            return self._recover(group, NotDurable(error.sentence))  # guard: a replica without the log's key
        except SettingsLost as error:  # INVARIANT: nothing is said to be durable by a session that may not make it so
            return self._recover(group, NotDurable(error.sentence))
        except NoSignature as error:  # of the checkpoint: no COMMIT was asked for
            return self._recover(group, error)  # guard: a group of a database without a checkpoint
        except AilyusError as error:  # the log is not the one that it was
            self._session.drop()
            self._failed = error.sentence
            return answer_all(group, NotDurable(self._failed))
        if done is None or self._session.warned:  # guard: a commit that no standby has
            self._session.warned = False
            return self._recover(group, NotDurable("no standby has the commit"))
        self._settle(group, *done)
        return None

    def _attempt(self, group: Sequence[Entry[object]], *, careful: bool) -> "tuple[Frontier, int, int] | None":
        session = self._session
        # INVARIANT: whoever holds this row is the only one who appends to the log
        ((size, high_water, now, *settings),) = session.begin(_HEAD)
        if lost := lost_setting(settings):  # guard: settings of a session
            raise SettingsLost(lost)
        frontier = self._frontier_of(integer(size))
        quiet = is_quiet(group)
        high = 0 if self._reset_clock and not quiet else integer(high_water)
        at = integer(now) if self._clock_is_theirs else self._clock()
        at_ms, clock_ok = max(at, high), at >= high - MAX_CLOCK_BACK_MS
        txn = PostgresTxn(session, self.signer, frontier.size, at_ms, clock_ok, careful, self.data_keys)
        try:
            for entry in group:
                self._run_entry(entry, txn, careful)
            self._append_leaves(frontier, txn)
            ids = frozenset(i for entry in group for i in entry.ids if i)
            change = Change(ids if ids or quiet else None, txn.control_changes > 0)
            at_ms = integer(high_water) if quiet else txn.now_ms
            txn.flush((_END, (CHANNEL, payload(self._replica, change), frontier.size, at_ms)))
        except _GONE:
            raise
        except Exception:
            if careful:
                raise
            session.execute("ROLLBACK")  # each by itself says whose fault it was
            return None
        self._durably_commit()
        txn.keys.keep()
        self._follow_rotation(txn)
        return frontier, at_ms, integer(now)

    def _run_entry(self, entry: Entry[object], txn: PostgresTxn, careful: bool) -> None:
        entry.result, entry.fault = None, None
        if not careful:
            entry.result = entry.work(txn)
            return
        mark = len(txn.leaves)
        self._session.execute("SAVEPOINT entry")
        try:
            entry.result = entry.work(txn)
            txn.flush()
        except _GONE:
            raise
        except Exception as fault:  # an entry's fault is its caller's, never its neighbours'
            self._session.execute("ROLLBACK TO entry")
            txn.take_back(mark)
            txn.forget()
            entry.fault = _fault_of(fault)
        self._session.execute("RELEASE entry")

    def _durably_commit(self) -> None:
        # never cancelled, since what it did would not be known; a connection that is gone ends after so long
        self._session.execute("COMMIT", seconds=None, cut_after=COMMIT_SECONDS)

    def _settle(self, group: Sequence[Entry[object]], frontier: Frontier, at_ms: int, now_ms: int) -> None:
        quiet = is_quiet(group)
        self.commits += not quiet
        self.changes += not quiet
        self._reset_clock = self._reset_clock and quiet
        grown = frontier.size != self._frontier.size
        self._frontier, self._high_water_ms = frontier, at_ms
        if self._clock_is_theirs:
            self._ahead_ms = now_ms - self._clock()
        try:
            if grown:
                self._head.remember(self._frontier)
        except OSError as error:
            self._failed = f"the head file cannot be written: {error.strerror}"
            return answer_all(group, NotDurable(self._failed))
        answer(group)
        return None

    def _recover(self, group: Sequence[Entry[object]], fault: NotDurable) -> None:
        """Whatever it was, it is unknown: open anew, look which database it is, and only then answer."""
        try:
            self._session.open()
            refuse_lost(self._session)
            share(self._session)
            self._frontier, self._high_water_ms = self._load_head()
            self._refuse_lost()
        except (*FAULTS, SettingsLost, KeyMissing):
            pass  # the next group tries again, and fails until the database, or its pooler, is as it was
        except AilyusError as error:
            self._failed = error.sentence
        answer_all(group, fault)

    # -- opening ----------------------------------------------------------------------------------------------------

    @property
    def _clock_is_theirs(self) -> bool:
        return self._own_clock is None

    def _open(self) -> None:
        self._session.open()
        refuse_lost(self._session)
        share(self._session)  # guard: nobody migrates under a gateway
        refuse_unwitnessed(self._session.query)  # guard: a standby that nothing waits for
        prepare(self._session)
        self._frontier, self._high_water_ms = self._load_head()
        self._refuse_lost()

    def _refuse_lost(self) -> None:
        refuse_copy(self._session.query)
        self._head.refuse_another(self._session.query, self._frontier)

    def _load_head(self) -> tuple[Frontier, int]:
        ((size, high_water),) = self._session.query("SELECT size, high_water_ms FROM head")
        frontier = self._signed_frontier(integer(size))
        self.keys = keys_to(self._session.query, self.signer, self.origin)
        return frontier, integer(high_water)

    def _frontier_of(self, size: int) -> Frontier:
        """The frontier to append to: a copy of ours, or what another replica left."""
        if size < self._frontier.size:
            raise AilyusError("store_rewound", f"the log ends at {size}, its last known head is {self._frontier.size}")
        if size == self._frontier.size:
            return Frontier(size, list(self._frontier.peaks))
        return self._signed_frontier(size)

    def _signed_frontier(self, size: int) -> Frontier:
        return signed_frontier(self._session.query, size, self._require_own)

    async def _refuse_other_server(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        system, timeline = await connection.fetchrow(IDENTITY) or ("", "")
        if self._head.is_of_another(system, timeline):
            # INVARIANT: what follows a promotion is refused here too, not only by whoever connects to write
            self._failed = ANOTHER
            raise AilyusError("store_rewound", ANOTHER)


def _fault_of(fault: Exception) -> Exception:
    if isinstance(fault, asyncpg.IntegrityConstraintViolationError):
        return Conflict(type(fault).__name__)
    if isinstance(fault, asyncpg.PostgresError):
        return AilyusError("store_corrupt", f"the store cannot be written: {said(fault)}")
    return fault
