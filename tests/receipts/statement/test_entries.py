"""Entries of the log, one by one."""

import pytest

from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.journal.journal import Journal
from receipts.statement import entries
from tests.receipts.making import action, conclude, intend

pytestmark = pytest.mark.both_stores


async def _confirmed(journal: Journal, name: str = "r1") -> Action:
    """An action that was sent: an intent and an outcome."""
    asked = action(name)
    dispatch = await intend(journal, asked)
    await conclude(journal, asked, dispatch.fence)
    return asked


async def test_an_entry_is_found_by_its_receipt(journal: Journal) -> None:
    asked = await _confirmed(journal)
    intent, outcome = await entries.of_action(journal.store, asked.id)
    assert [(one.kind, one.status, one.action_id) for one in (intent, outcome)] == [
        ("intent", "running", asked.id),
        ("outcome", "confirmed", asked.id),
    ]
    assert outcome.leaf_index == intent.leaf_index + 1
    assert (
        await entries.get(journal.store, intent.receipt) == await entries.find(journal.store, intent.receipt) == intent
    )
    assert await entries.tenant_of(journal.store, intent.receipt) == "acme"
    found = await journal.store.read_aside(lambda read: entries.find_in(read, intent.receipt))
    assert found == intent
    assert await journal.store.read_aside(lambda read: entries.of_action_in(read, asked.id)) == [intent, outcome]


async def test_a_receipt_that_is_not_there(journal: Journal) -> None:
    assert await entries.find(journal.store, "rcp_none") is None
    assert await entries.tenant_of(journal.store, "rcp_none") is None
    assert await journal.store.read_aside(lambda read: entries.find_in(read, "rcp_none")) is None
    with pytest.raises(AilyusError, match="there is no receipt `rcp_none`"):
        await entries.get(journal.store, "rcp_none")


async def test_the_entries_of_the_gateway_are_no_tenants(journal: Journal) -> None:
    found = await journal.store.read_aside(lambda read: entries.after(read, -1, 1000))
    (release,) = [one for one in found if one.kind == "release"]
    assert (release.action_id, await entries.tenant_of(journal.store, release.receipt)) == (None, "")


async def test_a_plan_is_read_with_its_steps(journal: Journal) -> None:
    plan, step, other = (
        await _confirmed(journal, "r1"),
        await _confirmed(journal, "r2"),
        await _confirmed(journal, "r3"),
    )
    await journal.store.write(lambda txn: txn.write("UPDATE actions SET plan_id = ? WHERE id = ?", plan.id, step.id))
    found = await entries.with_steps(journal.store, plan.id)
    assert [one.action_id for one in found] == [plan.id, plan.id, step.id, step.id]
    assert [one.leaf_index for one in found] == sorted(one.leaf_index for one in found)
    assert len(await entries.with_steps(journal.store, other.id)) == 2


async def test_the_log_is_read_on_from_a_leaf(journal: Journal) -> None:
    await _confirmed(journal)
    whole = await journal.store.read_aside(lambda read: entries.after(read, -1, 1000))
    assert [one.leaf_index for one in whole] == list(range(journal.store.size))
    part = await journal.store.read_aside(lambda read: entries.after(read, whole[0].leaf_index, 1))
    assert part == whole[1:2]
