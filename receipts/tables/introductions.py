"""Introductions as rows: a link by which a person brings a passkey, while it is made and until it is used."""

from dataclasses import dataclass

from receipts.store.row import blob
from receipts.store.store import Store
from receipts.store.transaction import Txn


@dataclass(frozen=True, slots=True)
class StoredIntroduction:
    """Who is introduced, by which signed words, and the MAC of the link's token; empty while there is no link."""

    id: str
    person: str
    words: bytes
    token_hash: str = ""


async def begun(store: Store) -> list[StoredIntroduction]:
    """The introductions in their time that have no link yet."""
    rows = await store.read(
        "SELECT id, person, words FROM introductions WHERE token_hash IS NULL AND expires_ms > ?", store.now_ms()
    )
    return [StoredIntroduction(str(r[0]), str(r[1]), blob(r[2])) for r in rows]


async def usable(store: Store) -> list[StoredIntroduction]:
    """The introductions in their time whose link was not used."""
    rows = await store.read(
        "SELECT id, person, words, token_hash FROM introductions"
        " WHERE token_hash IS NOT NULL AND used_ms IS NULL AND expires_ms > ?",
        store.now_ms(),
    )
    return [StoredIntroduction(str(r[0]), str(r[1]), blob(r[2]), str(r[3])) for r in rows]


def insert(txn: Txn, new: StoredIntroduction, expires_ms: int) -> None:
    """Add an introduction, and forget those that are past their time; one that is there already is a `Conflict`."""
    # one that was used stays: its id stands in words that admins signed, and those could be sent again
    txn.write("DELETE FROM introductions WHERE expires_ms <= ? AND used_ms IS NULL", txn.now_ms, rows=None)
    txn.write(
        "INSERT INTO introductions VALUES (?, ?, ?, ?, ?, NULL)",
        new.id,
        new.person,
        new.words,
        new.token_hash or None,
        expires_ms,
    )


def complete(txn: Txn, made: StoredIntroduction, expires_ms: int) -> None:
    """Give an introduction its link; raises `Conflict` when it has one."""
    txn.write(
        "UPDATE introductions SET token_hash = ?, words = ?, expires_ms = ? WHERE id = ? AND token_hash IS NULL",
        made.token_hash,
        made.words,
        expires_ms,
        made.id,
    )


def use(txn: Txn, introduction: str) -> None:
    """Use a link up; raises `Conflict` when it was used."""
    txn.write("UPDATE introductions SET used_ms = ? WHERE id = ? AND used_ms IS NULL", txn.now_ms, introduction)
