"""The entries of the log, as they are read one by one: by receipt, by action, in their order.

`audit/query.py` searches.
"""

from dataclasses import dataclass

from contracts.errors import AilyusError
from receipts.store.row import Read, Row, blob, integer
from receipts.store.store import Store

# in the order in which `_entry` reads them
_ENTRY = "SELECT id, leaf_index, kind, action_id, status, at_ms, envelope FROM statements"
_BY_RECEIPT = f"{_ENTRY} WHERE id = ?"
_BY_ACTION = f"{_ENTRY} WHERE action_id = ? ORDER BY leaf_index"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One signed statement where it stands in the log; `envelope` is the encoded DSSE envelope."""

    receipt: str
    leaf_index: int
    kind: str
    action_id: str | None
    status: str
    at_ms: int
    envelope: bytes


async def find(store: Store, receipt: str) -> LogEntry | None:
    """The entry of a receipt."""
    return _one(await store.read(_BY_RECEIPT, receipt))


async def get(store: Store, receipt: str) -> LogEntry:
    """The entry of a receipt that is there; raises `not_found`."""
    entry = await find(store, receipt)
    if entry is None:
        raise AilyusError("not_found", f"there is no receipt `{receipt}`")
    return entry


def find_in(read: Read, receipt: str) -> LogEntry | None:
    """The entry of a receipt, in a snapshot."""
    return _one(read(_BY_RECEIPT, receipt))


async def of_action(store: Store, action_id: str) -> list[LogEntry]:
    """The entries about an action, in order."""
    return [_entry(row) for row in await store.read(_BY_ACTION, action_id)]


def of_action_in(read: Read, action_id: str) -> list[LogEntry]:
    """The entries about an action, in order, in a snapshot."""
    return [_entry(row) for row in read(_BY_ACTION, action_id)]


async def with_steps(store: Store, action_id: str) -> list[LogEntry]:
    """The entries about an action and about its steps, in order."""
    rows = await store.read(
        f"{_ENTRY} WHERE action_id = ?1"
        " OR action_id IN (SELECT id FROM actions WHERE plan_id = ?1) ORDER BY leaf_index",
        action_id,
    )
    return [_entry(row) for row in rows]


async def last_outcome(store: Store, action_id: str) -> LogEntry | None:
    """The newest outcome of an action."""
    return _one(
        await store.read(
            f"{_ENTRY} WHERE action_id = ? AND kind = 'outcome' ORDER BY leaf_index DESC LIMIT 1", action_id
        )
    )


async def tenant_of(store: Store, receipt: str) -> str | None:
    """The tenant of a receipt, empty for what is the gateway's; None when there is no such receipt."""
    rows = await store.read(
        "SELECT tenant FROM statements WHERE id = ?1 UNION ALL SELECT a.tenant FROM archive_leaves AS l"
        " JOIN archive_actions AS a ON a.id = l.action_id WHERE l.receipt = ?1",
        receipt,
    )
    return str(rows[0][0]) if rows else None


def after(read: Read, leaf_index: int, limit: int) -> list[LogEntry]:
    """The entries that follow a leaf, in order."""
    return [
        _entry(row) for row in read(f"{_ENTRY} WHERE leaf_index > ? ORDER BY leaf_index LIMIT ?", leaf_index, limit)
    ]


def between(read: Read, after_leaf: int, until: int, limit: int, tenant: str | None) -> list[LogEntry]:
    """The entries that follow a leaf, up to another one, in order; of one tenant, or of all."""
    sql = f"{_ENTRY} WHERE leaf_index > ?1 AND leaf_index <= ?2 AND (tenant = ?4 OR ?4 IS NULL)"
    return [_entry(row) for row in read(f"{sql} ORDER BY leaf_index LIMIT ?3", after_leaf, until, limit, tenant)]


def newest(read: Read, tenant: str | None) -> LogEntry | None:
    """The newest entry of one tenant, or of all."""
    sql = f"{_ENTRY} WHERE tenant = ?1 OR ?1 IS NULL ORDER BY leaf_index DESC LIMIT 1"
    return _one(read(sql, tenant))


def of_kind(read: Read, kind: str, mark: str) -> list[LogEntry]:
    """The entries of a kind that this search value finds, in order."""
    found = (
        f"{_ENTRY} WHERE kind = ? AND leaf_index IN (SELECT leaf_index FROM search WHERE value = ?) ORDER BY leaf_index"
    )
    return [_entry(row) for row in read(found, kind, mark)]


def _one(rows: list[Row]) -> LogEntry | None:
    return _entry(rows[0]) if rows else None


def _entry(row: Row) -> LogEntry:
    return LogEntry(
        str(row[0]),
        integer(row[1]),
        str(row[2]),
        None if row[3] is None else str(row[3]),
        str(row[4]),
        integer(row[5]),
        blob(row[6]),
    )
