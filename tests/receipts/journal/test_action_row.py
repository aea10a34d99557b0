"""The row of a new action says what the action is, and only a call that can be made again carries a call key."""

from dataclasses import replace

import pytest

from receipts.action.action import Action, PlanStep
from receipts.journal.action_row import ActionRow, insert_action
from receipts.journal.journal import Journal
from receipts.store.transaction import Conflict
from tests.receipts.making import action, request, told
from tests.receipts.stages import rows, stored

ROW = ActionRow(state="running", status="running", result=told("running"), release="release-1", fence=1)


async def insert(journal: Journal, of: Action, row: ActionRow = ROW) -> None:
    await journal.write((of.id,), lambda txn: insert_action(txn, of, row))


async def test_what_is_written_is_what_is_read(journal: Journal) -> None:
    row = replace(ROW, asked=b"{}", expires_ms=9, held_until_ms=8, sent_ms=7, spent=6, lease_until_ms=5)
    of = replace(action(), undoes="act_other", plan=b"[]")
    await insert(journal, of, row)
    found = await stored(journal, of)
    assert (found.request, found.caller, found.undoes, found.plan) == (of.request, of.caller, "act_other", b"[]")
    assert (found.state, found.status, found.fence, found.release) == ("running", "running", 1, "release-1")
    assert (found.asked, found.expires_ms, found.held_until_ms, found.sent_ms) == (b"{}", 9, 8, 7)
    assert await rows(journal, "spent, lease_until_ms, connection", "actions") == [(6, 5, "okta")]
    assert found.created_ms == found.updated_ms > 0


@pytest.mark.parametrize(
    "other",
    [
        {"request": request("r1", kind="read")},
        {"preview": True},
        {"undoes": "act_first"},
        {"step": PlanStep("act_plan", 1, 0, 1, "first")},
    ],
)
async def test_a_read_a_preview_an_undo_and_a_step_are_no_call_to_make_again(
    journal: Journal, other: dict[str, object]
) -> None:
    await insert(journal, action())
    await insert(journal, replace(action(), **other))  # type: ignore[arg-type]
    keys = [key for (key,) in await rows(journal, "call_key", "actions")]
    assert keys == [request("r1").call_key, None]


async def test_a_call_that_is_open_has_one_row(journal: Journal) -> None:
    await insert(journal, action())
    with pytest.raises(Conflict):
        await insert(journal, action())
    assert len(await rows(journal, "id", "actions")) == 1


async def test_a_step_names_its_plan_and_place(journal: Journal) -> None:
    await insert(journal, replace(action(), step=PlanStep("act_plan", 3, 2, 5, "third")))
    assert await rows(journal, "plan_id, position", "actions") == [("act_plan", 2)]
