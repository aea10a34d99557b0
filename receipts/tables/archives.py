"""Archives as the store knows them: which files there are, and which of them holds an action or a receipt."""

from collections.abc import Iterable
from dataclasses import dataclass

from receipts.store.row import Read, Row, integer
from receipts.store.store import Store
from receipts.store.transaction import Txn

_ARCHIVE = "SELECT digest, name, receipt, actions, statements, at_ms, done_ms FROM archives"
_PLACE = (
    "SELECT a.id, a.tenant, a.agent, a.person, r.digest, r.name"
    " FROM archive_actions AS a JOIN archives AS r ON r.digest = a.archive"
)


@dataclass(frozen=True, slots=True)
class Archive:
    """One file: the digest of what it holds, its name, its statement; whether its rows have left the store."""

    digest: str
    name: str
    receipt: str
    actions: int
    statements: int
    at_ms: int
    is_done: bool


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """The archive of an action, and whose action it is; `person` is a pseudonym."""

    action_id: str
    tenant: str
    agent: str
    person: str
    digest: str
    name: str


@dataclass(frozen=True, slots=True)
class ArchiveCall:
    """What stays of an archived action beside its place: the identity of its call, and whose it is."""

    action_id: str
    call_key: str | None
    tenant: str
    agent: str
    person: str


def archives(read: Read) -> list[Archive]:
    """Every archive, in the order in which they were written."""
    return [_archive(row) for row in read(f"{_ARCHIVE} ORDER BY at_ms, digest")]


def find(read: Read, digest: str) -> Archive | None:
    """The archive of this digest."""
    rows = read(f"{_ARCHIVE} WHERE digest = ?", digest)
    return _archive(rows[0]) if rows else None


def place_of(read: Read, id_: str) -> ArchivePlace | None:
    """The archive of an action or a receipt, by its id; None where it is in none."""
    rows = read(f"{_PLACE} WHERE a.id = ?1 OR a.id = (SELECT action_id FROM archive_leaves WHERE receipt = ?1)", id_)
    return _place(rows[0]) if rows else None


async def find_place(store: Store, id_: str) -> ArchivePlace | None:
    """The same, as a point read."""
    rows = await store.read(
        f"{_PLACE} WHERE a.id = ?1 OR a.id = (SELECT action_id FROM archive_leaves WHERE receipt = ?1)", id_
    )
    return _place(rows[0]) if rows else None


def archived_statements(read: Read, tenant: str | None = None) -> int:
    """How many statements are in archives; of one tenant, or of all."""
    sql = (
        "SELECT count(*) FROM archive_leaves AS l JOIN archive_actions AS a ON a.id = l.action_id"
        " WHERE a.tenant = ?1 OR ?1 IS NULL"
    )
    return integer(read(sql, tenant)[0][0])


def add(txn: Txn, archive: Archive) -> None:
    """Inside the commit of its statement: a file whose actions leave the store from now on."""
    txn.write(
        "INSERT INTO archives VALUES (?, ?, ?, ?, ?, ?, NULL)",
        archive.digest,
        archive.name,
        archive.receipt,
        archive.actions,
        archive.statements,
        archive.at_ms,
    )


def require_open(txn: Txn, digest: str) -> None:
    """Raise `Conflict` unless the archive's statement is in the log, and its rows are still being removed."""
    # INVARIANT 10: nothing leaves the store before a signed statement says where it is
    txn.write("UPDATE archives SET done_ms = NULL WHERE digest = ? AND done_ms IS NULL", digest)


def finish(txn: Txn, digest: str) -> None:
    """Say that what is in it has left the store."""
    txn.write("UPDATE archives SET done_ms = ? WHERE digest = ? AND done_ms IS NULL", txn.now_ms, digest)


def place_actions(txn: Txn, digest: str, calls: Iterable[ArchiveCall]) -> None:
    """Inside the commit that removes them: where these actions are."""
    txn.write_many(
        "INSERT INTO archive_actions VALUES (?, ?, ?, ?, ?, ?)",
        [(one.action_id, digest, one.call_key, one.tenant, one.agent, one.person) for one in calls],
    )


def place_leaves(txn: Txn, leaves: Iterable[tuple[int, str, str]]) -> None:
    """Inside the same commit: where their statements are, each by leaf, receipt and action."""
    txn.write_many("INSERT INTO archive_leaves VALUES (?, ?, ?)", list(leaves))


def _archive(row: Row) -> Archive:
    return Archive(
        str(row[0]),
        str(row[1]),
        str(row[2]),
        integer(row[3]),
        integer(row[4]),
        integer(row[5]),
        row[6] is not None,
    )


def _place(row: Row) -> ArchivePlace:
    return ArchivePlace(str(row[0]), str(row[1]), str(row[2]), str(row[3]), str(row[4]), str(row[5]))
