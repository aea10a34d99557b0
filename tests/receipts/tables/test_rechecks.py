"""Later looks: when one is due, and what it changes of an action whose outcome was unknown."""

from dataclasses import replace

import pytest

from receipts.action.action import Action
from receipts.journal.journal import Journal
from receipts.journal.outcome import OutcomeCommit
from receipts.statement import entries, evidence
from receipts.store.transaction import Conflict
from receipts.tables import intents, rechecks
from receipts.tables.rechecks import DueRecheck
from tests.receipts.making import BEFORE, action, intend, seal, told

pytestmark = pytest.mark.both_stores


async def _unknown(journal: Journal, *due: int) -> Action:
    asked = action()
    dispatch = await intend(journal, asked)
    sealed = seal(journal, asked, "outcome", "unknown")
    end = OutcomeCommit(replace(asked, fence=dispatch.fence), sealed, "unknown", told("unknown"), 2**50, rechecks=due)
    await journal.record_outcome(end)
    return asked


async def test_a_look_is_due_until_it_is_done(journal: Journal) -> None:
    asked = await _unknown(journal, 1, 2, 2**52)
    assert await rechecks.due(journal.store) == [DueRecheck(asked.id, "unknown")]
    await journal.store.write(lambda txn: rechecks.finish(txn, asked.id, txn.now_ms))
    assert await rechecks.due(journal.store) == []
    assert await journal.store.read("SELECT count(*) FROM rechecks WHERE done_ms IS NULL") == [(1,)]
    await journal.store.write(lambda txn: rechecks.finish(txn, asked.id, 2**53))
    assert await journal.store.read("SELECT count(*) FROM rechecks WHERE done_ms IS NULL") == [(0,)]


async def test_what_is_unknown_at_a_connection_is_looked_at_once_more_when_somebody_connects_it(
    journal: Journal,
) -> None:
    asked = await _unknown(journal, 2**52)
    await journal.store.write(lambda txn: rechecks.hasten(txn, "another"))
    assert await rechecks.due(journal.store) == []
    await journal.store.write(lambda txn: rechecks.hasten(txn, asked.request.connection))
    assert await rechecks.due(journal.store) == [DueRecheck(asked.id, "unknown")]
    # what is looked at no more is begun by nobody
    await journal.store.write(lambda txn: rechecks.finish(txn, asked.id, 2**53))
    await journal.store.write(lambda txn: rechecks.hasten(txn, asked.request.connection))
    assert await rechecks.due(journal.store) == []


async def test_what_is_found_is_found_once(journal: Journal) -> None:
    asked = await _unknown(journal)
    assert not await journal.is_ours(asked.id)
    result = told("confirmed")
    await journal.store.write(
        lambda txn: rechecks.restate(txn, asked, "confirmed", result, held_until_ms=7, strike=False)
    )
    await journal.store.write(lambda txn: rechecks.restate_sent(txn, asked, "done", BEFORE, ours=True))
    found = await journal.get(asked.id)
    assert found is not None
    assert (found.status, found.result, found.held_until_ms) == ("confirmed", result, 7)
    assert await journal.is_ours(asked.id)
    assert await journal.state_after(asked.id) is not None
    with pytest.raises(Conflict):
        await journal.store.write(
            lambda txn: rechecks.restate(txn, asked, "not_applied", told("not_applied"), held_until_ms=0, strike=True)
        )


async def test_what_is_recorded_of_the_send(journal: Journal) -> None:
    asked = await _unknown(journal)
    outcome = await entries.last_outcome(journal.store, asked.id)
    assert outcome is not None
    assert (outcome.kind, outcome.status, outcome.action_id) == ("outcome", "unknown", asked.id)
    assert await intents.settle_ms(journal.store, asked.id) == 100
    assert await intents.settle_ms(journal.store, "act_none") is None
    assert await entries.last_outcome(journal.store, "act_none") is None

    def keep(label: str) -> None:
        journal.store.submit(
            lambda txn: txn.write("INSERT INTO evidence VALUES (?, ?, ?, ?)", outcome.leaf_index, label, b"s", b"d")
        ).result()

    for label in ("response", "outputs", "page/1/a.png", "before/user"):
        keep(label)
    assert set(await evidence.of_send(journal.store, outcome.leaf_index)) == {"response", "outputs", "page/1/a.png"}
