"""The health of a store: what it holds, how far its time is, and whether its tables are made."""

from dataclasses import dataclass
from typing import Final, Literal

from receipts.store.row import Read, integer
from receipts.store.store import Store

_SIZES: Final = (
    "SELECT (SELECT COALESCE(MAX(leaf_index) + 1, 0) FROM statements), (SELECT COALESCE(MAX(size), 0) FROM checkpoints)"
)


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """How much a store holds, and how much of it is open."""

    statements: int
    waiting: int
    intents: int
    halts: int
    incidents: int
    escalations: int


@dataclass(frozen=True, slots=True)
class LogSizes:
    """How many statements a log holds, and how many its newest checkpoint covers."""

    statements: int
    checkpoint: int


async def log_sizes(store: Store) -> LogSizes:
    """Both sizes, of one moment."""
    ((statements, checkpoint),) = await store.read(_SIZES)
    return LogSizes(integer(statements), integer(checkpoint))


def counts(read: Read) -> StoreCounts:
    """Count what a store holds."""

    def count(sql: str) -> int:
        return integer(read(sql)[0][0])

    return StoreCounts(
        statements=count("SELECT count(*) FROM statements"),
        waiting=count("SELECT count(*) FROM actions WHERE state <> 'ended' AND state = 'waiting'"),
        intents=count("SELECT count(*) FROM open_intents"),
        halts=count("SELECT count(*) FROM halts WHERE lifted_ms IS NULL"),
        incidents=count("SELECT count(*) FROM incidents WHERE resolved_ms IS NULL"),
        escalations=count("SELECT count(*) FROM escalations WHERE acknowledged_ms IS NULL"),
    )


def passkey_holders(read: Read) -> list[str]:
    """Everybody whose passkey's row is not revoked, by name."""
    rows = read("SELECT DISTINCT person FROM keys WHERE kind = 'passkey' AND revoked = 0")
    return sorted(str(name) for (name,) in rows)


def used_contracts(read: Read) -> frozenset[str]:
    """The contracts that any statement is about."""
    return frozenset(str(name) for (name,) in read("SELECT DISTINCT contract FROM statements"))


def last_commit_ms(read: Read) -> int | None:
    """When the newest entry of the log was committed, by the clock of then; None when the log is empty."""
    rows = read("SELECT at_ms FROM checkpoints ORDER BY size DESC LIMIT 1")
    return integer(rows[0][0]) if rows else None


def database_ms(read: Read) -> int:
    """The clock of a database server, in integer milliseconds since the epoch."""
    return integer(read("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")[0][0])


def has_table(read: Read, table: Literal["head", "search"]) -> bool:
    """Is this table made in a database?"""
    return read(f"SELECT to_regclass('{table}') IS NOT NULL") == [(True,)]


def log_size(read: Read) -> int:
    """How many statements the log holds."""
    return integer(read("SELECT (SELECT count(*) FROM statements) + (SELECT count(*) FROM archive_leaves)")[0][0])


def has_log(read: Read) -> bool:
    """Does the log hold anything?"""
    return read("SELECT 1 FROM statements LIMIT 1") != []
