"""Introductions as rows: begun, completed with a link, used once."""

from dataclasses import replace

import pytest

from receipts.journal.journal import Journal
from receipts.store.transaction import Conflict
from receipts.tables import introductions
from receipts.tables.introductions import StoredIntroduction

pytestmark = pytest.mark.both_stores
_LATER = 2**50
_BEGUN = StoredIntroduction("int_1", "ann", b"[1]")
_MADE = replace(_BEGUN, words=b"[1,2]", token_hash="mac")


async def test_an_introduction_gets_one_link_that_is_used_once(journal: Journal) -> None:
    store = journal.store
    await store.write(lambda txn: introductions.insert(txn, _BEGUN, _LATER))
    assert (await introductions.begun(store), await introductions.usable(store)) == ([_BEGUN], [])
    await store.write(lambda txn: introductions.complete(txn, _MADE, _LATER))
    assert (await introductions.begun(store), await introductions.usable(store)) == ([], [_MADE])
    with pytest.raises(Conflict):
        await store.write(lambda txn: introductions.complete(txn, replace(_MADE, token_hash="other"), _LATER))
    await store.write(lambda txn: introductions.use(txn, "int_1"))
    assert await introductions.usable(store) == []
    with pytest.raises(Conflict):
        await store.write(lambda txn: introductions.use(txn, "int_1"))


async def test_the_terminal_makes_a_link_at_once(journal: Journal) -> None:
    await journal.store.write(lambda txn: introductions.insert(txn, _MADE, _LATER))
    assert await introductions.usable(journal.store) == [_MADE]
    with pytest.raises(Conflict):
        await journal.store.write(lambda txn: introductions.insert(txn, replace(_MADE, token_hash="other"), _LATER))


async def test_what_is_past_its_time_is_forgotten_with_the_next(journal: Journal) -> None:
    store = journal.store
    await store.write(lambda txn: introductions.insert(txn, _BEGUN, txn.now_ms))
    assert await introductions.begun(store) == []
    await store.write(lambda txn: introductions.insert(txn, replace(_MADE, id="int_2"), _LATER))
    assert await store.read("SELECT id FROM introductions") == [("int_2",)]
