"""The store on PostgreSQL: one log, written by the replicas of one gateway.

The journal's transitions are the same statements as on SQLite, with the engine's own placeholders. A group of entries
is one transaction; it holds the one row of `head` from its first statement to its end, so positions of the log have no
gaps and no forks, and the time of a commit is the database's.

Promises beside those of `store/store.py`: a COMMIT that errors, or is answered by a warning (a standby that was not
waited for), is unknown: nobody is told that it is durable. A database that is another one, that was promoted, or whose
log is shorter than one that was seen, MUST NOT be written to.
"""

import asyncio
import fcntl
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
import orjson

from contracts.errors import AilyusError, NotDurable
from receipts.log.merkle import Frontier, peaks_of, range_hash
from receipts.log.signing import Signer, open_note
from receipts.store.connection import (
    ASKED,
    CONNECT_SECONDS,
    FAULTS,
    KEPT,
    SETTINGS,
    STATEMENT_SECONDS,
    DatabaseSession,
    lost_setting,
    numbered,
    said,
)
from receipts.store.entry import Entry, answer, answer_all
from receipts.store.listener import CHANNEL, Listener, payload
from receipts.store.log_tables import frontier_at, nodes_by
from receipts.store.postgres_schema import VERSION, create, version_of
from receipts.store.postgres_transaction import PostgresTxn
from receipts.store.row import Read, Row, Value, blob, integer
from receipts.store.store import MAX_CLOCK_BACK_MS, Change, Store
from receipts.store.transaction import Conflict

T = TypeVar("T")
COMMIT_SECONDS: Final = 30.0
_READERS: Final = 8
_SHARE_TRIES: Final = 30
_SHARED: Final = "SELECT pg_try_advisory_lock_shared(8421)"
"""Held by every replica for as long as its session lives, so that nobody migrates under it."""
_HEAD: Final = (
    f"SELECT size, high_water_ms, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, {ASKED} FROM head FOR UPDATE"
)
WRITER: Final = {**SETTINGS, "plan_cache_mode": "force_generic_plan"}
"""The writer's statements are few and large: to plan one takes half as long as to run it."""
_IDENTITY: Final = (
    "SELECT system_identifier::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system()"
)


_ANOTHER: Final = "the database is another one, or was promoted"
_UNWITNESSED: Final = (
    "SELECT current_setting('synchronous_standby_names') = '' AND EXISTS (SELECT 1 FROM pg_stat_replication"
    " WHERE application_name NOT IN ('pg_basebackup', 'pg_receivewal'))"
)
_END: Final = (
    "told AS (SELECT pg_notify(?1, ?2)), ended AS (UPDATE head SET size = ?3, high_water_ms = ?4 FROM told RETURNING 1)"
)
"""What ends a group, in the same statement as all that waited for its end."""


_GONE: Final = (asyncpg.InterfaceError, OSError, TimeoutError)
"""The connection is: nobody's entry is done."""


class _SettingsLost(AilyusError):
    """A pooler between us and the server dropped a setting of the session, or handed us another's session."""

    def __init__(self, lost: str) -> None:
        hint = "connect without the pooler, or let each session have them: " + "; ".join(
            f"ALTER ROLE … SET {name} = '{SETTINGS[name]}'" for name in KEPT
        )
        super().__init__("bad_settings", f"the database session has `{lost}`, which was not asked for", hint=hint)


class PostgresStore(Store):
    """One database and this replica's way into it. `path` names the file that remembers what was seen there."""

    shared = True

    def __init__(
        self, url: str, path: Path, signer: Signer, origin: str, clock: Callable[[], int] | None = None
    ) -> None:
        super().__init__(path, signer, origin, clock)
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._pool_loop: asyncio.AbstractEventLoop | None = None
        self._ahead_ms = 0
        self._session = DatabaseSession(url, WRITER)
        self._replica = secrets.token_hex(4)
        self._identity: dict[str, str] = {}
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

    async def read(self, sql: str, *params: Value) -> list[Row]:
        """A point read, by one of a few connections of this loop."""
        try:
            pool = await self._readers()
            return [tuple(row) for row in await pool.fetch(numbered(sql), *params, timeout=STATEMENT_SECONDS)]
        except FAULTS as error:
            raise NotDurable(f"the store cannot be read: {said(error)}") from None

    async def read_aside(self, work: Callable[[Read], T]) -> T:
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
        if self._pool is not None:
            await self._pool.close()
        await super().aclose()

    async def follow(self, heard: Callable[[Change], Awaitable[None]]) -> None:
        """Hear what other replicas commit."""

        async def counted(change: Change) -> None:
            self.changes += change.ids != frozenset()
            await heard(change)

        self._listener.start(counted)

    async def _readers(self) -> "asyncpg.Pool[asyncpg.Record]":
        loop = asyncio.get_running_loop()
        if self._pool is None or self._pool_loop is not loop:
            self._pool_loop = loop
            settings = {**SETTINGS, "default_transaction_read_only": "on"}
            self._pool = asyncpg.create_pool(
                self._url,
                min_size=0,
                max_size=_READERS,
                timeout=CONNECT_SECONDS,
                server_settings=settings,
                reset=_leave,
            )
        return await self._pool

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
        except _SettingsLost as error:  # INVARIANT: nothing is said to be durable by a session that may not make it so
            return self._recover(group, NotDurable(error.sentence))
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
            raise _SettingsLost(lost)
        frontier = self._frontier_of(integer(size))
        high = 0 if self._reset_clock else integer(high_water)
        at = integer(now) if self._clock_is_theirs else self._clock()
        txn = PostgresTxn(session, frontier.size, max(at, high), at >= high - MAX_CLOCK_BACK_MS, careful)
        try:
            for entry in group:
                self._run_entry(entry, txn, careful)
            self._append_leaves(frontier, txn)
            change = Change(frozenset(i for entry in group for i in entry.ids if i), txn.control_changes > 0)
            txn.flush((_END, (CHANNEL, payload(self._replica, change), frontier.size, txn.now_ms)))
        except _GONE:
            raise
        except Exception:
            if careful:
                raise
            session.execute("ROLLBACK")  # each by itself says whose fault it was
            return None
        self._durably_commit()
        return frontier, txn.now_ms, integer(now)

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
            del txn.leaves[mark:]
            txn.forget()
            entry.fault = _fault_of(fault)
        self._session.execute("RELEASE entry")

    def _durably_commit(self) -> None:
        # never cancelled, since what it did would not be known; a connection that is gone ends after so long
        self._session.execute("COMMIT", seconds=None, cut_after=COMMIT_SECONDS)

    def _settle(self, group: Sequence[Entry[object]], frontier: Frontier, at_ms: int, now_ms: int) -> None:
        self.commits += 1
        self.changes += 1
        self._reset_clock = False
        grown = frontier.size != self._frontier.size
        self._frontier, self._high_water_ms = frontier, at_ms
        if self._clock_is_theirs:
            self._ahead_ms = now_ms - self._clock()
        try:
            if grown:
                self._remember()
        except OSError as error:
            self._failed = f"the head file cannot be written: {error.strerror}"
            return answer_all(group, NotDurable(self._failed))
        answer(group)
        return None

    def _recover(self, group: Sequence[Entry[object]], fault: NotDurable) -> None:
        """Whatever it was, it is unknown: open anew, look which database it is, and only then answer."""
        try:
            self._session.open()
            self._refuse_lost()
            self._share()
            self._frontier, self._high_water_ms = self._load_head()
            self._refuse_another()
        except (*FAULTS, _SettingsLost):
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
        self._refuse_lost()
        self._share()  # guard: nobody migrates under a gateway
        self._refuse_unwitnessed()  # guard: a standby that nothing waits for
        self._prepare()
        self._frontier, self._high_water_ms = self._load_head()
        self._refuse_another()

    def _refuse_lost(self) -> None:
        if lost := lost_setting(self._session.query(f"SELECT {ASKED}")[0]):
            raise _SettingsLost(lost)

    def _share(self) -> None:
        for _ in range(_SHARE_TRIES):
            if self._session.query(_SHARED) == [(True,)]:
                return
            time.sleep(0.1)
        raise AilyusError("owner_elsewhere", "the store is being migrated", hint="start the gateway after it")

    def _refuse_unwitnessed(self) -> None:
        # INVARIANT: where a standby may be promoted, what was acknowledged is there
        if is_unwitnessed(self._session.query):
            hint = "set `synchronous_standby_names` on the server"
            raise AilyusError(
                "bad_settings", "a standby streams from the database, and no commit waits for it", hint=hint
            )

    def _prepare(self) -> None:
        version = version_of(self._session)
        if version is None:
            create(self._session)
        elif version != VERSION:
            hint = "end every replica, then `ailyus store migrate`" if version < VERSION else "use a newer ailyus"
            raise AilyusError("store_corrupt", f"the store has version {version}, not {VERSION}", hint=hint)

    def _load_head(self) -> tuple[Frontier, int]:
        ((size, high_water),) = self._session.query("SELECT size, high_water_ms FROM head")
        return self._frontier_at(integer(size)), integer(high_water)

    def _frontier_of(self, size: int) -> Frontier:
        """The frontier to append to: a copy of ours, or what another replica left."""
        if size < self._frontier.size:
            raise AilyusError("store_rewound", f"the log ends at {size}, its last known head is {self._frontier.size}")
        if size == self._frontier.size:
            return Frontier(size, list(self._frontier.peaks))
        return self._frontier_at(size)

    def _frontier_at(self, size: int) -> Frontier:
        if not size:
            return Frontier(0, [])
        rows = self._session.query("SELECT note FROM checkpoints WHERE size = ?", size)
        if not rows:
            raise AilyusError("store_corrupt", f"there is no checkpoint at {size}")
        note = str(rows[0][0])
        try:
            open_note(note, self.origin, self.signer.public)
        except AilyusError:
            hint = "give every replica the same `origin` and the same `.ailyus/log.pem`"
            raise AilyusError("bad_settings", "the log is signed by another key or name", hint=hint) from None
        places = peaks_of(size)
        sql = "SELECT level, idx, hash FROM nodes WHERE (level, idx) IN (VALUES {})".format(
            ", ".join("(CAST(? AS BIGINT), CAST(? AS BIGINT))" for _ in places)
        )
        found = {(row[0], row[1]): blob(row[2]) for row in self._session.query(sql, *(n for p in places for n in p))}
        return frontier_at(size, note, lambda level, index: found.get((level, index), b""))

    def _refuse_another(self) -> None:
        # INVARIANT: a promoted standby, or an older copy, may lack what was promised: a person decides
        ((system, timeline),) = self._session.query(_IDENTITY)
        try:
            seen = orjson.loads(self.head_path.read_bytes())
        except FileNotFoundError:
            seen = {}
        except (OSError, orjson.JSONDecodeError):
            raise AilyusError("store_corrupt", f"the head file `{self.head_path.name}` is damaged") from None
        identity = {"system": str(system), "timeline": str(timeline)}
        if seen and {name: seen[name] for name in identity} != identity:  # guard: a promoted database
            raise AilyusError("store_rewound", _ANOTHER)
        size = int(seen.get("size", 0))
        node = nodes_by(self._session.query)
        if size > self._frontier.size or (size and range_hash(0, size, node).hex() != seen["root"]):
            raise AilyusError("store_rewound", f"the log ends at {self._frontier.size}, its last known head is {size}")
        self._identity = identity
        self._remember()

    def _remember(self) -> None:
        text = orjson.dumps({**self._identity, "size": self._frontier.size, "root": self._frontier.root().hex()})
        descriptor = os.open(self.head_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # replicas of one folder share it
            known = os.pread(descriptor, 256, 0)
            if known and int(orjson.loads(known)["size"]) > self._frontier.size:
                return
            os.pwrite(descriptor, text.ljust(256), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    async def _refuse_other_server(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        system, timeline = await connection.fetchrow(_IDENTITY) or ("", "")
        if self._identity and (system, timeline) != (self._identity["system"], self._identity["timeline"]):
            # INVARIANT: what follows a promotion is refused here too, not only by whoever connects to write
            self._failed = _ANOTHER
            raise AilyusError("store_rewound", _ANOTHER)


async def _leave(connection: object) -> None:
    """Point reads leave nothing behind in their session: to ask for that again would be a round trip for each."""


def is_unwitnessed(read: Read) -> bool:
    """Does a standby stream from the database, and no commit waits for it? Its promotion would lose what was said."""
    return read(_UNWITNESSED) == [(True,)]


@contextmanager
def snapshot(url: str) -> Iterator[Read]:
    """A database as it is now, whatever is committed meanwhile; not from a running loop. Raises `store_corrupt`."""
    session = DatabaseSession(url)
    try:
        session.open()
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield session.query
    except FAULTS as error:
        raise AilyusError("store_corrupt", f"the store cannot be read: {said(error)}") from None
    finally:
        session.close()


def _fault_of(fault: Exception) -> Exception:
    if isinstance(fault, asyncpg.IntegrityConstraintViolationError):
        return Conflict(type(fault).__name__)
    if isinstance(fault, asyncpg.PostgresError):
        return AilyusError("store_corrupt", f"the store cannot be written: {said(fault)}")
    return fault
