"""The backlog of a store: what waits for people, what is on the wire, and what nobody has taken on."""

from dataclasses import dataclass

from receipts.store.row import Read, integer


@dataclass(frozen=True, slots=True)
class BacklogEntry:
    """How many there are under one name, and since when the oldest is there (milliseconds since the epoch)."""

    name: str
    count: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """The whole backlog: `waiting` by contract, `intents` by connection. `sessions` are those of the console."""

    waiting: tuple[BacklogEntry, ...]
    intents: tuple[BacklogEntry, ...]
    incidents: int
    escalations: int
    notices: int
    sessions: int


def backlog(read: Read, now_ms: int) -> Backlog:
    """Everything at once, as one state of the store has it."""
    return Backlog(
        waiting=_shares(
            read,
            "SELECT contract, count(*), min(created_ms) FROM actions"
            " WHERE state <> 'ended' AND state = 'waiting' GROUP BY contract",
        ),
        # an intent is as old as its statement: its row keeps no time of its own where nothing is counted per minute
        intents=_shares(
            read,
            "SELECT i.connection, count(*), min(s.at_ms) FROM intents AS i JOIN statements AS s ON s.id = i.receipt_id"
            " WHERE i.state = 'intent' GROUP BY i.connection",
        ),
        incidents=_count(read, "SELECT count(*) FROM incidents WHERE resolved_ms IS NULL"),
        escalations=_count(read, "SELECT count(*) FROM escalations WHERE acknowledged_ms IS NULL"),
        notices=_count(read, "SELECT count(*) FROM notices WHERE delivered_ms IS NULL AND failed_ms IS NULL"),
        sessions=_count(read, "SELECT count(*) FROM sessions WHERE expires_ms > ?", now_ms),
    )


def _shares(read: Read, sql: str) -> tuple[BacklogEntry, ...]:
    return tuple(BacklogEntry(str(name), integer(count), integer(since)) for name, count, since in read(sql))


def _count(read: Read, sql: str, *values: int) -> int:
    return integer(read(sql, *values)[0][0])
