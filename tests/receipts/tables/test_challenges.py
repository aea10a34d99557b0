"""Challenges: each is answered once, and forgotten when it is past its time."""

import pytest

from receipts.journal.journal import Journal
from receipts.store.transaction import Conflict
from receipts.tables import challenges

pytestmark = pytest.mark.both_stores


async def test_a_challenge_is_answered_once(journal: Journal) -> None:
    await journal.store.write(lambda txn: challenges.answer(txn, b"one", 2**50))
    with pytest.raises(Conflict):
        await journal.store.write(lambda txn: challenges.answer(txn, b"one", 2**50))
    await journal.store.write(lambda txn: challenges.answer(txn, b"two", 2**50))


async def test_what_is_past_its_time_is_forgotten(journal: Journal) -> None:
    await journal.store.write(lambda txn: challenges.answer(txn, b"one", txn.now_ms))
    await journal.store.write(lambda txn: challenges.answer(txn, b"two", 2**50))
    assert await journal.store.read("SELECT challenge FROM answered") == [(b"two",)]
