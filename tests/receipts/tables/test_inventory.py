"""What pages and the command line list: actions, what is on the wire, who approved, and marks that change with them."""

import pytest

from receipts.journal.journal import Journal
from receipts.tables import approvals, intents, inventory, marks
from receipts.tables.intents import OpenIntent, WireIntent
from receipts.tables.inventory import ListedAction, ToldResult, WaitingTime
from tests.receipts.making import action, approval, conclude, intend, seal, told

pytestmark = pytest.mark.both_stores
_LATER = 2**50


async def _wait(journal: Journal, name: str = "r1") -> str:
    asked = action(name)
    await journal.request_approval(
        asked, seal(journal, asked, "decision", "approval_required"), b"{}", told("approval_required"), _LATER
    )
    return asked.id


async def test_what_waits_is_listed_and_counted(journal: Journal) -> None:
    waits = await _wait(journal)
    (one,) = await inventory.newest_of(journal.store, "acme")
    assert one == ListedAction(waits, "reset", "waiting", "approval_required", "bot", "ann", one.created_ms)
    assert await journal.store.read_aside(inventory.newest) == [one]
    assert await inventory.newest_of(journal.store, "other") == []
    assert await inventory.waiting_times(journal.store) == [WaitingTime(waits, one.created_ms, _LATER)]
    assert await inventory.waiting_count(journal.store, "acme") == 1
    assert await inventory.waiting_count(journal.store, "other") == 0
    assert await journal.store.read_aside(lambda read: inventory.last_calls(read, "acme")) == {"reset": one.created_ms}
    assert await journal.store.read_aside(lambda read: inventory.last_calls(read, "other")) == {}
    found = await journal.store.read_aside(lambda read: inventory.told(read, waits))
    assert found == ToldResult(told("approval_required").packed, "waiting")
    assert await journal.store.read_aside(lambda read: inventory.told(read, "act_none")) is None


async def test_a_step_of_a_plan_is_listed_at_the_command_line_only(journal: Journal) -> None:
    plan, step = await _wait(journal, "r1"), await _wait(journal, "r2")
    await journal.store.write(lambda txn: txn.write("UPDATE actions SET plan_id = ? WHERE id = ?", plan, step))
    assert [one.id for one in await inventory.newest_of(journal.store, "acme")] == [plan]
    assert {one.id for one in await journal.store.read_aside(inventory.newest)} == {plan, step}


async def test_what_is_on_the_wire(journal: Journal) -> None:
    asked = action()
    dispatch = await intend(journal, asked)
    assert await intents.on_the_wire(journal.store) == [WireIntent(asked.id, "okta")]
    assert await intents.per_connection(journal.store, "acme") == {"okta": 1}
    assert await intents.per_connection(journal.store, "other") == {}
    (one,) = await intents.of_tenant(journal.store, "acme")
    assert one == OpenIntent(asked.id, "bot", "reset", one.deadline_ms)
    assert await intents.of_tenant(journal.store, "other") == []
    await conclude(journal, asked, dispatch.fence)
    assert await intents.on_the_wire(journal.store) == []


async def test_who_approved_in_order(journal: Journal) -> None:
    waits = await _wait(journal)
    assert await approvals.approvers(journal.store, waits) == []
    for at, person in ((2, "bob"), (1, "lead")):
        signed = approval(action(), person, person)
        row = (signed.id, waits, person, "Lead", b"{}", at)
        await journal.store.write(
            lambda txn, row=row: txn.write("INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?)", *row)
        )
    assert await approvals.approvers(journal.store, waits) == ["lead", "bob"]


async def test_a_mark_changes_with_what_it_shows(journal: Journal) -> None:
    assert await marks.of_inbox(journal.store, "acme") == []
    waits = await _wait(journal)
    ((id_, changed),) = await marks.of_inbox(journal.store, "acme")
    assert id_ == waits
    assert await marks.of_inbox(journal.store, "other") == []
    leaf = journal.store.size - 1
    mark = await marks.of_action(journal.store, "acme", waits)
    assert mark == [("waiting", "approval_required", changed, leaf, 0)]
    assert await marks.of_action(journal.store, "other", waits) == []
    await journal.store.write(
        lambda txn: txn.write("INSERT INTO incidents VALUES (?, 'resource', ?, NULL)", waits, txn.now_ms)
    )
    assert len(await marks.of_inbox(journal.store, "acme")) == 2
