"""Grants: the sealed tokens of connections whose people signed in, and whose turn it is to refresh them.

A grant is claimed by one replica for the time of a lease. What an authorization server answered counts by the version
of the tokens that it was asked with, and not by the lease: a good answer that comes late is the only one there is.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, cast

from contracts.action.oauth_client import Side
from receipts.store.row import Read, Row, blob, integer
from receipts.store.store import Store
from receipts.store.transaction import Txn

GrantState = Literal["ready", "refreshing", "needs_person"]
_COLUMNS: Final = (
    "id, connection, side, tenant, person, account, scopes, state, reason, access, refresh, version, fence,"
    " lease_until_ms, tried, expires_ms, next_ms, connected_by, connected_ms, refreshed_ms, used_ms"
)


@dataclass(frozen=True, slots=True)
class SealedTokens:
    """Tokens as they are kept. `expires_ms` None: unsaid; `next_ms` None: nothing is due."""

    access: bytes = field(repr=False)
    refresh: bytes = field(repr=False)
    expires_ms: int | None
    next_ms: int | None


@dataclass(frozen=True, slots=True)
class NewGrant:
    """What a sign-in gave: for which side of which connection, by whom, as which account, with which scopes."""

    id: str
    connection: str
    side: Side
    tenant: str
    person: str
    account: str
    scopes: tuple[str, ...]
    connected_by: str
    tokens: SealedTokens


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """A grant as it stands. Times are milliseconds since the epoch; `version` moves with its tokens."""

    id: str
    connection: str
    side: Side
    tenant: str
    person: str
    account: str
    scopes: tuple[str, ...]
    state: GrantState
    reason: str
    tokens: SealedTokens
    version: int
    fence: int
    lease_until_ms: int
    tried: int
    connected_by: str
    connected_ms: int
    refreshed_ms: int
    used_ms: int


async def find(store: Store, grant: str) -> StoredGrant | None:
    """A grant by its id."""
    rows = await store.read(f"SELECT {_COLUMNS} FROM grants WHERE id = ?", grant)
    return _grant(rows[0]) if rows else None


async def all_of(store: Store, connection: str = "") -> list[StoredGrant]:
    """The grants of one connection, or of all of them."""
    rows = await store.read(
        f"SELECT {_COLUMNS} FROM grants WHERE connection = ?1 OR ?1 = '' ORDER BY connection, side, person", connection
    )
    return [_grant(row) for row in rows]


async def needing_person(store: Store) -> list[StoredGrant]:
    """The grants that are refreshed no more, until a person signs in."""
    rows = await store.read(f"SELECT {_COLUMNS} FROM grants WHERE state = 'needs_person' ORDER BY connection, id")
    return [_grant(row) for row in rows]


def of_connection(read: Read, connection: str) -> list[StoredGrant]:
    """The grants of one connection in a snapshot of a store."""
    return [_grant(row) for row in read(f"SELECT {_COLUMNS} FROM grants WHERE connection = ?", connection)]


async def due(store: Store) -> list[StoredGrant]:
    """The grants that are to be refreshed by now and that nobody refreshes, longest due first, 20 at most."""
    rows = await store.read(
        f"SELECT {_COLUMNS} FROM grants WHERE next_ms <= ?1 AND state <> 'needs_person'"
        " AND (state = 'ready' OR lease_until_ms <= ?1) ORDER BY next_ms LIMIT 20",
        store.now_ms(),
    )
    return [_grant(row) for row in rows]


def put(txn: Txn, grant: NewGrant) -> None:
    """Keep what a sign-in gave, in place of what the same side had before."""
    tokens = grant.tokens
    txn.write(
        f"INSERT INTO grants ({_COLUMNS})"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'ready', '', ?8, ?9, ?10, 0, 0, 0, ?11, ?12, ?13, ?10, ?10, 0)"
        " ON CONFLICT (id) DO UPDATE SET account = excluded.account, scopes = excluded.scopes, state = 'ready',"
        " reason = '', access = excluded.access, refresh = excluded.refresh, tried = 0,"
        # INVARIANT: an answer that is still on its way for the former tokens finds another version
        " version = CASE WHEN grants.version < excluded.version THEN excluded.version ELSE grants.version + 1 END,"
        " fence = grants.fence + 1, lease_until_ms = 0, expires_ms = excluded.expires_ms, next_ms = excluded.next_ms,"
        " connected_by = excluded.connected_by, connected_ms = excluded.connected_ms,"
        " refreshed_ms = excluded.refreshed_ms",
        grant.id,
        grant.connection,
        grant.side,
        grant.tenant,
        grant.person,
        grant.account,
        " ".join(grant.scopes),
        tokens.access,
        tokens.refresh,
        txn.now_ms,
        tokens.expires_ms,
        tokens.next_ms,
        grant.connected_by,
    )


def claim(txn: Txn, grant: StoredGrant, lease_ms: int) -> None:
    """Keep a grant for the caller to refresh it; raises `Conflict` where somebody else has it or its tokens moved."""
    # a clock that runs ahead would end leases that are not over
    txn.require_clock()
    txn.write(
        "UPDATE grants SET state = 'refreshing', fence = fence + 1, lease_until_ms = ?"
        " WHERE id = ? AND version = ? AND fence = ?"
        " AND (state = 'ready' OR (state = 'refreshing' AND lease_until_ms <= ?))",  # guard: one refresh at a time
        txn.now_ms + lease_ms,
        grant.id,
        grant.version,
        grant.fence,
        txn.now_ms,
    )


def renew(txn: Txn, grant: StoredGrant, lease_ms: int) -> None:
    """Keep it for another lease; raises `Conflict` where it was taken over. `grant` is as it was before its claim."""
    txn.write(
        "UPDATE grants SET lease_until_ms = ? WHERE id = ? AND version = ? AND fence = ? AND state = 'refreshing'",
        txn.now_ms + lease_ms,
        grant.id,
        grant.version,
        grant.fence + 1,
    )


def replace_tokens(txn: Txn, grant: StoredGrant, tokens: SealedTokens, scopes: tuple[str, ...]) -> None:
    """The new tokens with their scopes in place of those of this version; raises `Conflict` where others came before.

    INVARIANT: the former refresh token is forgotten only by the commit that keeps the new one.
    """
    txn.write(
        "UPDATE grants SET access = ?, refresh = ?, scopes = ?, expires_ms = ?, next_ms = ?, state = 'ready',"
        " reason = '', tried = 0, version = version + 1, lease_until_ms = 0, refreshed_ms = ?"
        " WHERE id = ? AND version = ?",  # guard: a refresh of these very tokens
        tokens.access,
        tokens.refresh,
        " ".join(scopes),
        tokens.expires_ms,
        tokens.next_ms,
        txn.now_ms,
        grant.id,
        grant.version,
    )


def put_off(txn: Txn, grant: StoredGrant, pause_ms: int, reason: str) -> None:
    """Give a claimed grant back: its refresh gave nothing, and is tried again after the pause."""
    txn.write(
        "UPDATE grants SET state = 'ready', reason = ?, tried = tried + 1, next_ms = ?, lease_until_ms = 0"
        " WHERE id = ? AND version = ? AND fence = ? AND state = 'refreshing'",
        reason,
        txn.now_ms + pause_ms,
        grant.id,
        grant.version,
        grant.fence + 1,
    )


def need_person(txn: Txn, grant: StoredGrant, reason: str) -> None:
    """Say that a claimed grant is refreshed no more: a person must sign in anew."""
    txn.write(
        "UPDATE grants SET state = 'needs_person', reason = ?, next_ms = NULL, lease_until_ms = 0"
        # INVARIANT: who was taken over calls nothing lost: the other one may have its answer
        " WHERE id = ? AND version = ? AND fence = ? AND state = 'refreshing'",
        reason,
        grant.id,
        grant.version,
        grant.fence + 1,
    )


def use(txn: Txn, grant: str, at_ms: int) -> None:
    """Say when its token was used last; a grant that is gone stays gone."""
    txn.write("UPDATE grants SET used_ms = ?1 WHERE id = ?2 AND used_ms < ?1", at_ms, grant, rows=None)


def forget(txn: Txn, connection: str, person: str = "") -> int:
    """Delete the grants of a connection, or those of one person at it; how many there were."""
    return txn.write(
        "DELETE FROM grants WHERE connection = ?1 AND (person = ?2 OR ?2 = '')", connection, person, rows=None
    )


def _grant(row: Row) -> StoredGrant:
    return StoredGrant(
        id=str(row[0]),
        connection=str(row[1]),
        side=cast(Side, str(row[2])),
        tenant=str(row[3]),
        person=str(row[4]),
        account=str(row[5]),
        scopes=tuple(str(row[6]).split()),
        state=cast(GrantState, str(row[7])),
        reason=str(row[8]),
        tokens=SealedTokens(blob(row[9]), blob(row[10]), _optional(row[15]), _optional(row[16])),
        version=integer(row[11]),
        fence=integer(row[12]),
        lease_until_ms=integer(row[13]),
        tried=integer(row[14]),
        connected_by=str(row[17]),
        connected_ms=integer(row[18]),
        refreshed_ms=integer(row[19]),
        used_ms=integer(row[20]),
    )


def _optional(value: object) -> int | None:
    return None if value is None else integer(value)
