"""Who is signed in at the console: the rows of sessions, by the hash of their cookie."""

from dataclasses import dataclass

from receipts.store.store import Store
from receipts.store.transaction import Txn


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Whose session it is, and by which key it was opened; empty where an identity provider let the person in."""

    person: str
    keyid: str


async def find(store: Store, token_hash: str) -> StoredSession | None:
    """A session that is in its time and whose key is not revoked."""
    rows = await store.read(
        "SELECT s.person, s.keyid FROM sessions AS s LEFT JOIN keys AS k ON k.keyid = s.keyid"
        # the key is asked at each request: a session that it opened ends with its revocation
        " WHERE s.token_hash = ? AND s.expires_ms > ? AND (s.keyid = '' OR k.revoked = 0)",
        token_hash,
        store.now_ms(),
    )
    return StoredSession(str(rows[0][0]), str(rows[0][1])) if rows else None


def begin(txn: Txn, token_hash: str, session: StoredSession, expires_ms: int) -> None:
    """Open a session, and forget those that are past their time."""
    # here and by no chore: the table grows only when somebody signs in
    txn.write("DELETE FROM sessions WHERE expires_ms <= ?", txn.now_ms, rows=None)
    txn.write("INSERT INTO sessions VALUES (?, ?, ?, ?)", token_hash, session.person, session.keyid, expires_ms)


def end(txn: Txn, token_hash: str) -> None:
    """Sign out."""
    txn.write("DELETE FROM sessions WHERE token_hash = ?", token_hash, rows=None)
