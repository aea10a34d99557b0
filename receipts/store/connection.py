"""One connection to PostgreSQL, and the loop that it lives in."""

import asyncio
import functools
import re
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

import asyncpg

from contracts.errors import AilyusError
from receipts.store.database_url import DatabaseUrl
from receipts.store.row import Row, Value

T = TypeVar("T")
CONNECT_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 10.0
SETTINGS: Final = {
    "application_name": "ailyus",
    "synchronous_commit": "on",
    # a frozen client otherwise holds the row of the head for ever
    "idle_in_transaction_session_timeout": "2500ms",
    "lock_timeout": "8s",
}
KEPT: Final = ("synchronous_commit", "idle_in_transaction_session_timeout", "lock_timeout")
"""What the writer's session must have, as PostgreSQL says it; asked for in each of its transactions."""
ASKED: Final = ", ".join(f"current_setting('{name}')" for name in KEPT)
_STRONGER: Final = {("synchronous_commit", "remote_apply")}
FAULTS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # a driver that lost its place in the protocol, as after a process stood still: only a new connection helps
    asyncpg.InternalClientError,
    TimeoutError,
    OSError,
)
"""What a statement can end with when the database, or the way to it, is at fault."""
_PLACE: Final = re.compile(r"\?(\d*)")


@functools.cache
def numbered(sql: str, sign: str = "$") -> str:
    """`?` and `?1` as PostgreSQL writes them: `$1`, or with another sign. No literal of ours holds a question mark."""
    count = 0

    def place(match: "re.Match[str]") -> str:
        nonlocal count
        count += 1
        return f"{sign}{match[1] or count}"

    return _PLACE.sub(place, sql)


def lost_setting(values: Sequence[object]) -> str:
    """The first setting of a session that is not as it was asked for, as `name = value`; empty when all are."""
    for name, value in zip(KEPT, values, strict=True):
        if value != SETTINGS[name] and (name, value) not in _STRONGER:
            return f"{name} = {value}"
    return ""


class SettingsLost(AilyusError):
    """A pooler between us and the server dropped a setting of the session, or handed us another's session."""

    def __init__(self, lost: str) -> None:
        hint = "connect without the pooler, or let each session have them: " + "; ".join(
            f"ALTER ROLE … SET {name} = '{SETTINGS[name]}'" for name in KEPT
        )
        super().__init__("bad_settings", f"the database session has `{lost}`, which was not asked for", hint=hint)


class DatabaseSession:
    """One connection and the loop that it lives in, used from one thread that waits for each statement."""

    def __init__(self, url: str | DatabaseUrl, settings: Mapping[str, str] = SETTINGS) -> None:
        self._url = DatabaseUrl.of(url)
        self._settings = dict(settings)
        # asyncio's own: to run one coroutine to its end costs a quarter of what it does in uvloop
        self.loop = asyncio.new_event_loop()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self.warned = False
        self._types: dict[str, tuple[str, ...]] = {}

    @property
    def is_open(self) -> bool:
        """Is there a connection, as far as was seen when it was used last? From any thread."""
        return self._connection is not None

    def open(self) -> None:
        """Connect anew."""
        self.drop()
        self._connection = self._wait(self._url.connect(seconds=CONNECT_SECONDS, server_settings=self._settings))
        self._connection.add_log_listener(lambda _, message: self._heard(message))

    def begin(self, sql: str) -> list[Row]:
        """Begin a transaction, and the rows of its first query."""
        connection = self._of()

        async def both() -> "list[asyncpg.Record]":
            await connection.execute("BEGIN", timeout=STATEMENT_SECONDS)
            return await connection.fetch(sql, timeout=STATEMENT_SECONDS)

        return [tuple(row) for row in self._wait(both())]

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

    def write_many(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for several rows, in one round trip."""
        self._wait(self._of().executemany(numbered(sql), rows, timeout=STATEMENT_SECONDS))

    def types(self, sql: str) -> tuple[str, ...]:
        """The types of a statement's parameters."""
        found = self._types.get(sql)
        if found is None:
            statement = self._wait(self._of().prepare(numbered(sql), timeout=STATEMENT_SECONDS))
            found = self._types[sql] = tuple(kind.name for kind in statement.get_parameters())
        return found

    def query(self, sql: str, *params: Value | Sequence[Value]) -> list[Row]:
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


def refuse_lost(session: DatabaseSession) -> None:
    """Raise `SettingsLost` where a session has not what the writer needs."""
    if lost := lost_setting(session.query(f"SELECT {ASKED}")[0]):
        raise SettingsLost(lost)


def said(error: BaseException) -> str:
    """An error in a word: never its text, which can hold values and addresses."""
    return getattr(error, "sqlstate", None) or type(error).__name__.lower()
