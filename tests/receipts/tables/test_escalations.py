"""Escalations: who is told next, and that nothing changes what somebody took on."""

from collections.abc import Callable

import pytest

from receipts.journal.journal import Journal
from receipts.journal.outcome import Escalation, escalate
from receipts.store.transaction import Conflict, Txn
from receipts.tables import escalations
from receipts.tables.escalations import ListedEscalation, OpenEscalation
from tests.receipts.making import action, intend

pytestmark = pytest.mark.both_stores


async def _open(journal: Journal) -> OpenEscalation:
    asked = action()
    await intend(journal, asked)
    await journal.store.write(lambda txn: escalate(txn, Escalation("esc_1", "night"), asked.id))
    (due,) = await escalations.due(journal.store)
    assert due == OpenEscalation("esc_1", asked.id, "night", 0, False, "acme")
    assert await escalations.find(journal.store, "esc_1") == due
    return due


async def test_of_several_one_goes_on(journal: Journal) -> None:
    await _open(journal)
    await journal.store.write(lambda txn: escalations.claim(txn, "esc_1", 60_000))
    assert await escalations.due(journal.store) == []
    with pytest.raises(Conflict):
        await journal.store.write(lambda txn: escalations.claim(txn, "esc_1", 60_000))


async def test_it_is_tried_delivered_and_told_again(journal: Journal) -> None:
    await _open(journal)
    await journal.store.write(lambda txn: escalations.put_off(txn, "esc_1", txn.now_ms))
    assert [(one.tried, one.delivered) for one in await escalations.due(journal.store)] == [(1, False)]
    await journal.store.write(lambda txn: escalations.deliver(txn, "esc_1", txn.now_ms, txn.now_ms))
    assert [(one.tried, one.delivered) for one in await escalations.due(journal.store)] == [(1, True)]
    await journal.store.write(lambda txn: escalations.begin_again(txn, "esc_1", txn.now_ms))
    assert [(one.tried, one.delivered) for one in await escalations.due(journal.store)] == [(0, False)]


async def test_what_was_handed_on_is_listed_and_not_due(journal: Journal) -> None:
    of = await _open(journal)
    await journal.store.write(lambda txn: escalations.hand_on(txn, "esc_1", txn.now_ms))
    assert await escalations.due(journal.store) == []
    (listed,) = await escalations.unacknowledged(journal.store, "acme")
    wanted = ListedEscalation("esc_1", of.action_id, "night", "reset", "running", listed.created_ms, None)
    assert listed == wanted
    assert await escalations.unacknowledged(journal.store) == [listed]
    assert await escalations.unacknowledged(journal.store, "other") == []


@pytest.mark.parametrize(
    "change",
    [
        lambda txn: escalations.acknowledge(txn, "esc_1", 2, "bob"),
        lambda txn: escalations.put_off(txn, "esc_1", 2),
        lambda txn: escalations.deliver(txn, "esc_1", 2, 2),
        lambda txn: escalations.hand_on(txn, "esc_1", 2),
        lambda txn: escalations.begin_again(txn, "esc_1", 2),
        lambda txn: escalations.claim(txn, "esc_1", 60_000),
    ],
    ids=["acknowledge", "put_off", "deliver", "hand_on", "begin_again", "claim"],
)
async def test_nothing_changes_what_somebody_took_on(journal: Journal, change: Callable[[Txn], None]) -> None:
    await _open(journal)
    await journal.store.write(lambda txn: escalations.acknowledge(txn, "esc_1", txn.now_ms, "ann"))
    assert await escalations.due(journal.store) == []
    assert await escalations.unacknowledged(journal.store) == []
    with pytest.raises(Conflict):
        await journal.store.write(change)
