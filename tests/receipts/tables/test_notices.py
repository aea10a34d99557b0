"""The outbox of notices: nobody is told the same twice, one of several delivers, what failed is counted."""

import pytest

from receipts.journal.journal import Journal
from receipts.store.transaction import Conflict
from receipts.tables import notices
from receipts.tables.notices import DueNotice, FailedNotice
from tests.receipts.making import action, seal, told

pytestmark = pytest.mark.both_stores
_LATER = 2**50


async def _told(journal: Journal) -> DueNotice:
    """A request that waits, and the one notice about it."""
    asked = action()
    await journal.request_approval(
        asked, seal(journal, asked, "decision", "approval_required"), b"{}", told("approval_required"), _LATER
    )
    await journal.store.write(lambda txn: notices.add(txn, "ntc_1", asked.id, "waiting", "leads"))
    (due,) = await notices.due(journal.store)
    assert due == DueNotice("ntc_1", asked.id, "waiting", "leads", 0)
    return due


async def test_nobody_is_told_the_same_twice(journal: Journal) -> None:
    first = await _told(journal)
    await journal.store.write(lambda txn: notices.add(txn, "ntc_2", first.action_id, "waiting", "leads"))
    assert await notices.due(journal.store) == [first]


async def test_of_several_one_delivers(journal: Journal) -> None:
    due = await _told(journal)
    await journal.store.write(lambda txn: notices.claim(txn, due, 60_000))
    assert await notices.due(journal.store) == []
    with pytest.raises(Conflict):
        await journal.store.write(lambda txn: notices.claim(txn, due, 60_000))


async def test_what_failed_is_due_again_until_it_is_given_up(journal: Journal) -> None:
    due = await _told(journal)
    await journal.store.write(lambda txn: notices.record_try(txn, due, next_ms=txn.now_ms))
    (again,) = await notices.due(journal.store)
    assert again.tried == 1
    await journal.store.write(lambda txn: notices.record_try(txn, again, next_ms=txn.now_ms, failed_ms=txn.now_ms))
    assert await notices.due(journal.store) == []
    assert await notices.failed(journal.store, "acme") == [FailedNotice(due.action_id, "leads")]
    assert await notices.failed(journal.store, "other") == []


async def test_what_was_delivered_is_not_due(journal: Journal) -> None:
    due = await _told(journal)
    await journal.store.write(lambda txn: notices.record_try(txn, due, next_ms=txn.now_ms, delivered_ms=txn.now_ms))
    assert await notices.due(journal.store) == []
    assert await notices.failed(journal.store, "acme") == []
