"""Sessions of the console as rows: they end with their time, their key, or when somebody signs out."""

import pytest

from policies.principal import Key
from receipts.journal.journal import Journal
from receipts.journal.registry import insert_key
from receipts.tables import sessions
from receipts.tables.sessions import StoredSession

pytestmark = pytest.mark.both_stores
_LATER = 2**50
_OF_ANN = StoredSession("ann", "key_1")


async def test_a_session_lasts_until_somebody_signs_out(journal: Journal) -> None:
    keyless = StoredSession("bob", "")
    await journal.store.write(lambda txn: sessions.begin(txn, "h1", keyless, _LATER))
    assert await sessions.find(journal.store, "h1") == keyless
    assert await sessions.find(journal.store, "h2") is None
    await journal.store.write(lambda txn: sessions.end(txn, "h1"))
    assert await sessions.find(journal.store, "h1") is None


async def test_a_session_past_its_time_is_none_and_is_forgotten_with_the_next(journal: Journal) -> None:
    await journal.store.write(lambda txn: sessions.begin(txn, "h1", StoredSession("bob", ""), txn.now_ms))
    assert await sessions.find(journal.store, "h1") is None
    await journal.store.write(lambda txn: sessions.begin(txn, "h2", StoredSession("bob", ""), _LATER))
    assert await journal.store.read("SELECT token_hash FROM sessions") == [("h2",)]


async def test_a_session_ends_with_its_key(journal: Journal) -> None:
    await journal.store.write(lambda txn: sessions.begin(txn, "h1", _OF_ANN, _LATER))
    assert await sessions.find(journal.store, "h1") is None  # a key that is not there opens nothing
    await journal.store.write(lambda txn: insert_key(txn, Key("key_1", b"public", "ann", "passkey")))
    assert await sessions.find(journal.store, "h1") == _OF_ANN
    await journal.store.write(lambda txn: txn.write("UPDATE keys SET revoked = 1"))
    assert await sessions.find(journal.store, "h1") is None
