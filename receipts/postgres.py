"""The store on PostgreSQL: one log, written by one process at a time.

The journal's transitions are the same statements as on SQLite, with the engine's own placeholders. A group of entries
is one transaction; it holds the one row of `head` from its first statement to its end, so positions of the log have no
gaps and no forks, and the time of a commit is the database's.

Promises beside those of `store.py`: a COMMIT that errors, or is answered by a warning (a standby that was not waited
for), is unknown: nobody is told that it is durable. A database that is another one, that was promoted, or whose log is
shorter than one that was seen, MUST NOT be written to.
"""

import asyncio
import functools
import os
import re
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import orjson

from contracts.errors import AilyusError, NotDurable
from receipts.log import Frontier, range_hash
from receipts.signing import Signer
from receipts.store import (
    MAX_CLOCK_BACK_MS,
    Conflict,
    Entry,
    Read,
    Row,
    Store,
    Txn,
    Value,
    answer,
    answer_all,
    frontier_at,
    integer,
    nodes_by,
)

T = TypeVar("T")
VERSION: Final = 1
CONNECT_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 10.0
COMMIT_SECONDS: Final = 30.0
_READERS: Final = 8
_OWN_TRIES: Final = 30
_SETTINGS: Final = {
    "application_name": "ailyus",
    "synchronous_commit": "on",
    # a frozen client otherwise holds the row of the head for ever
    "idle_in_transaction_session_timeout": "5000",
    "lock_timeout": "5000",
}
_PLACE: Final = re.compile(r"\?(\d*)")
_HEAD: Final = "SELECT size, high_water_ms, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM head FOR UPDATE"
_IDENTITY: Final = (
    "SELECT system_identifier::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system()"
)


@functools.cache
def numbered(sql: str) -> str:
    """`?` and `?1` as PostgreSQL writes them: `$1`. No literal of ours holds a question mark."""
    count = 0

    def place(match: "re.Match[str]") -> str:
        nonlocal count
        count += 1
        return f"${match[1] or count}"

    return _PLACE.sub(place, sql)


class _Session:
    """One connection and the loop that it lives in, used from one thread that waits for each statement."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.loop = asyncio.new_event_loop()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self.warned = False

    def open(self) -> None:
        """Connect anew."""
        self.drop()
        self._connection = self._wait(
            asyncpg.connect(self._url, timeout=CONNECT_SECONDS, server_settings=dict(_SETTINGS))
        )
        self._connection.add_log_listener(lambda _, message: self._heard(message))

    def execute(
        self,
        sql: str,
        params: Sequence[Value] = (),
        seconds: float | None = STATEMENT_SECONDS,
        cut_after: float | None = None,
    ) -> str:
        """One statement; PostgreSQL's own word for what it did. `cut_after` drops the connection without a word."""
        connection = self._of()
        cut = self.loop.call_later(cut_after, connection.terminate) if cut_after else None
        try:
            return self._wait(connection.execute(numbered(sql), *params, timeout=seconds))
        finally:
            if cut is not None:
                cut.cancel()

    def many(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for several rows, in one round trip."""
        self._wait(self._of().executemany(numbered(sql), rows, timeout=STATEMENT_SECONDS))

    def query(self, sql: str, *params: Value) -> list[Row]:
        """Rows."""
        return [tuple(row) for row in self._wait(self._of().fetch(numbered(sql), *params, timeout=STATEMENT_SECONDS))]

    def drop(self) -> None:
        """Give the connection up, whatever state it is in."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
            self._wait(asyncio.sleep(0))

    def close(self) -> None:
        """The same, and the loop."""
        self.drop()
        self.loop.close()

    def _of(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            raise asyncpg.InterfaceError("the connection is closed")
        return self._connection

    def _wait(self, what: "Coroutine[Any, Any, T]") -> T:
        return self.loop.run_until_complete(what)

    def _heard(self, message: "asyncpg.PostgresLogMessage") -> None:
        # 01000 at COMMIT: it is durable here, and no standby was waited for
        self.warned = self.warned or getattr(message, "sqlstate", "") == "01000"


class PostgresTxn(Txn):
    """The transaction of one group."""

    def __init__(self, session: _Session, size: int, now_ms: int, clock_ok: bool) -> None:
        super().__init__(size, now_ms, clock_ok)
        self._session = session

    def insert(self, sql: str, rows: Sequence[Row]) -> None:
        """Several rows of one table."""
        if rows:
            self._session.many(sql, rows)

    def query(self, sql: str, *params: Value) -> list[Row]:
        """Rows as this transaction sees them."""
        return self._session.query(sql, *params)

    def _count(self, sql: str, params: Sequence[Value]) -> int:
        return int(self._session.execute(sql, params).rpartition(" ")[2])


class PostgresStore(Store):
    """One database and this replica's way into it. `path` names the file that remembers what was seen there."""

    def __init__(
        self, url: str, path: Path, signer: Signer, origin: str, clock: Callable[[], int] | None = None
    ) -> None:
        super().__init__(path, signer, origin, clock)
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._pool_loop: asyncio.AbstractEventLoop | None = None
        self._ahead_ms = 0
        self._session = _Session(url)
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
        except (*_FAULTS, OSError) as error:
            raise AilyusError("store_corrupt", f"the store cannot be read: {_said(error)}") from None

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
        if self._pool is not None:
            await self._pool.close()
        await super().aclose()

    async def _readers(self) -> "asyncpg.Pool[asyncpg.Record]":
        loop = asyncio.get_running_loop()
        if self._pool is None or self._pool_loop is not loop:
            self._pool_loop = loop
            settings = {**_SETTINGS, "default_transaction_read_only": "on"}
            self._pool = asyncpg.create_pool(
                self._url, min_size=0, max_size=_READERS, timeout=CONNECT_SECONDS, server_settings=settings
            )
        return await self._pool

    # -- the writer thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._open()
            self._opened.set_result(None)
            super()._run()
        except Exception as error:
            lost = isinstance(error, (*_FAULTS, OSError))
            sentence = f"the database does not open: {_said(error)}"
            self._opened.set_exception(AilyusError("store_corrupt", sentence) if lost else error)
        finally:
            self._session.close()

    def _commit_group(self, group: Sequence[Entry[object]]) -> None:
        if self._failed:
            return answer_all(group, NotDurable(self._failed))
        try:
            # an entry that fails spoils its transaction: then all are done again, each behind a SAVEPOINT of its own
            done = self._attempt(group, careful=False) or self._attempt(group, careful=True)
        except (*_FAULTS, OSError) as error:
            return self._recover(group, NotDurable(f"the store did not take the commit: {_said(error)}"))
        if done is None or self._session.warned:
            self._session.warned = False
            return self._recover(group, NotDurable("no standby has the commit"))
        self._settle(group, *done)
        return None

    def _attempt(self, group: Sequence[Entry[object]], *, careful: bool) -> "tuple[Frontier, int, int] | None":
        session = self._session
        session.execute("BEGIN")
        # INVARIANT: whoever holds this row is the only one who appends to the log
        ((size, high_water, now),) = session.query(_HEAD)
        frontier = self._frontier_of(integer(size))
        high, at = integer(high_water), integer(now) if self._clock_is_theirs else self._clock()
        txn = PostgresTxn(session, frontier.size, max(at, high), at >= high - MAX_CLOCK_BACK_MS)
        for entry in group:
            entry.result, entry.fault = None, None
            if not self._run_entry(entry, txn, careful):
                session.execute("ROLLBACK")
                return None
        self._append_leaves(frontier, txn)
        session.execute("UPDATE head SET size = ?, high_water_ms = ?", (frontier.size, txn.now_ms))
        self._durably_commit()
        return frontier, txn.now_ms, integer(now)

    def _run_entry(self, entry: Entry[object], txn: PostgresTxn, careful: bool) -> bool:
        mark = len(txn.leaves)
        if careful:
            self._session.execute("SAVEPOINT entry")
        try:
            entry.result = entry.work(txn)
        except (asyncpg.InterfaceError, OSError, TimeoutError):
            raise  # the connection is gone: nobody's entry is done
        except Exception as fault:  # an entry's fault is its caller's, never its neighbours'
            if not careful:
                return False
            self._session.execute("ROLLBACK TO entry")
            del txn.leaves[mark:]
            entry.fault = _fault_of(fault)
        if careful:
            self._session.execute("RELEASE entry")
        return True

    def _durably_commit(self) -> None:
        # never cancelled, since what it did would not be known; a connection that is gone ends after so long
        self._session.execute("COMMIT", seconds=None, cut_after=COMMIT_SECONDS)

    def _settle(self, group: Sequence[Entry[object]], frontier: Frontier, at_ms: int, now_ms: int) -> None:
        self.commits += 1
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
            self._own()
            self._frontier, self._high_water_ms = self._load_head()
            self._refuse_another()
        except (*_FAULTS, OSError):
            pass  # the next group tries again, and fails until the database is back
        except AilyusError as error:
            self._failed = error.sentence
        answer_all(group, fault)

    # -- opening ----------------------------------------------------------------------------------------------------

    @property
    def _clock_is_theirs(self) -> bool:
        return self._own_clock is None

    def _open(self) -> None:
        self._session.open()
        self._own()
        self._prepare()
        self._frontier, self._high_water_ms = self._load_head()
        self._refuse_another()

    def _own(self) -> None:
        """Held as long as the session lives. A session of ours that was cut is soon noticed by the server."""
        # INVARIANT: one process owns a store; what the halts, agents and lanes of another would do is not seen here
        for _ in range(_OWN_TRIES):
            if self._session.query("SELECT pg_try_advisory_lock(8421)") == [(True,)]:
                return
            time.sleep(0.1)
        raise AilyusError("owner_elsewhere", "another process owns this store")

    def _prepare(self) -> None:
        schema = files("receipts").joinpath("postgres.sql").read_text()
        if self._session.query("SELECT to_regclass('head') IS NOT NULL") != [(True,)]:
            self._session.execute(f"BEGIN;{schema};COMMIT;", seconds=60.0)
        ((version,),) = self._session.query("SELECT version FROM head")
        if version != VERSION:
            sentence = f"the store has version {integer(version)}, not {VERSION}"
            raise AilyusError("store_corrupt", sentence, hint="`ailyus store migrate`")

    def _load_head(self) -> tuple[Frontier, int]:
        ((size, high_water),) = self._session.query("SELECT size, high_water_ms FROM head")
        return self._frontier_at(integer(size)), integer(high_water)

    def _frontier_of(self, size: int) -> Frontier:
        """The frontier to append to: a copy of ours, or what another replica left."""
        if size == self._frontier.size:
            return Frontier(size, list(self._frontier.peaks))
        return self._frontier_at(size)

    def _frontier_at(self, size: int) -> Frontier:
        if not size:
            return Frontier(0, [])
        rows = self._session.query("SELECT note FROM checkpoints WHERE size = ?", size)
        if not rows:
            raise AilyusError("store_corrupt", f"there is no checkpoint at {size}")
        return frontier_at(size, str(rows[0][0]), nodes_by(self._session.query))

    def _refuse_another(self) -> None:
        # INVARIANT: a promoted standby, or an older copy, may lack what was promised: a person decides
        ((system, timeline),) = self._session.query(_IDENTITY)
        try:
            seen = orjson.loads(self.head_path.read_bytes())
        except FileNotFoundError:
            seen = {}
        except (OSError, orjson.JSONDecodeError):
            raise AilyusError("store_corrupt", f"the head file `{self.head_path.name}` is damaged") from None
        if seen and (seen["system"], seen["timeline"]) != (system, timeline):
            raise AilyusError("store_rewound", "the database is another one, or was promoted")
        size = int(seen.get("size", 0))
        node = nodes_by(self._session.query)
        if size > self._frontier.size or (size and range_hash(0, size, node).hex() != seen["root"]):
            raise AilyusError("store_rewound", f"the log ends at {self._frontier.size}, its last known head is {size}")
        self._identity = {"system": str(system), "timeline": str(timeline)}
        self._remember()

    def _remember(self) -> None:
        text = orjson.dumps({**self._identity, "size": self._frontier.size, "root": self._frontier.root().hex()})
        descriptor = os.open(self.head_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, text.ljust(256), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def snapshot(url: str) -> Iterator[Read]:
    """A database as it is now, whatever is committed meanwhile; not from a running loop. Raises `store_corrupt`."""
    session = _Session(url)
    try:
        session.open()
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield session.query
    except (*_FAULTS, OSError) as error:
        raise AilyusError("store_corrupt", f"the store cannot be read: {_said(error)}") from None
    finally:
        session.close()


_FAULTS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


def _fault_of(fault: Exception) -> Exception:
    if isinstance(fault, asyncpg.IntegrityConstraintViolationError):
        return Conflict(type(fault).__name__)
    if isinstance(fault, asyncpg.PostgresError):
        return AilyusError("store_corrupt", f"the store cannot be written: {_said(fault)}")
    return fault


def _said(error: BaseException) -> str:
    # never the exception's text: it can hold values and addresses
    return getattr(error, "sqlstate", None) or type(error).__name__.lower()
