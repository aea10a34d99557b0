"""The row of a plan: it begins once, turns at its borders under its own fence, and ends with what is known."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.journal.journal import Journal
from receipts.journal.lease import LEASE_MS
from receipts.journal.outcome import LATER_LOOK, Escalation
from receipts.journal.plan_transitions import PlanRows
from receipts.store.transaction import Conflict
from tests.receipts.making import action, approval, journal_at, seal, told
from tests.receipts.stages import Clock, ask, rows, send, stored


async def begun(journal: Journal, name: str = "plan") -> Action:
    plan = action(name)
    await journal.write((plan.id,), PlanRows(journal).beginning(plan, b'{"at":0}', told("running")))
    return await stored(journal, plan)


async def close(journal: Journal, plan: Action, status: str = "unknown") -> None:
    sealed = seal(journal, plan, "outcome", status)
    work = PlanRows(journal).closing(plan, sealed, "unknown", told("unknown"), 7, Escalation("esc_1", "on-call"))
    await journal.write((plan.id,), work)


async def test_a_new_plan_begins_under_the_first_fence(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    plan = await begun(journal)
    assert (plan.state, plan.status, plan.fence, plan.plan) == ("running", "running", 1, b'{"at":0}')
    assert (plan.sent_ms, plan.release) == (clock.now_ms, "release-1")
    assert await rows(journal, "lease_until_ms", "actions") == [(clock.now_ms + LEASE_MS,)]
    with pytest.raises(Conflict):  # the same call is one open action
        await begun(journal)
    await journal.store.aclose()


async def test_a_plan_that_is_ready_begins_once(journal: Journal) -> None:
    waiting = await ask(journal, action("plan"))
    with pytest.raises(Conflict):
        await journal.write((waiting.id,), PlanRows(journal).beginning(waiting, b"{}", told("running")))
    await journal.approve(waiting, approval(waiting), seal(journal, waiting, "decision", "approved"), True, 0)
    ready = await stored(journal, waiting)
    beginning = PlanRows(journal).beginning(ready, b"{}", told("running"))
    await journal.write((ready.id,), beginning)
    plan = await stored(journal, ready)
    assert (plan.state, plan.fence, plan.plan) == ("running", ready.fence + 1, b"{}")
    with pytest.raises(Conflict):
        await journal.write((ready.id,), beginning)


async def test_a_turn_keeps_how_far_it_is_and_is_the_owners_alone(journal: Journal) -> None:
    plan = await begun(journal)
    turning = PlanRows(journal).turning
    await journal.write((plan.id,), turning(plan, "ready", b'{"at":1}', told("running")))
    assert ((await stored(journal, plan)).state, (await stored(journal, plan)).plan) == ("ready", b'{"at":1}')
    with pytest.raises(Conflict):  # it does not run any more
        await journal.write((plan.id,), turning(plan, "running", b'{"at":2}', told("running")))
    ready = await stored(journal, plan)
    await journal.write((plan.id,), PlanRows(journal).beginning(ready, b'{"at":1}', told("running")))
    with pytest.raises(Conflict):  # the owner before the halt has an older fence
        await journal.write((plan.id,), turning(plan, "running", b'{"at":2}', told("running")))
    assert (await stored(journal, plan)).plan == b'{"at":1}'


async def test_the_end_of_a_plan_is_committed_once_with_its_receipt(journal: Journal) -> None:
    plan = await begun(journal)
    await close(journal, plan)
    ended = await stored(journal, plan)
    assert (ended.state, ended.status, ended.held_until_ms) == ("ended", "unknown", 7)
    with pytest.raises(Conflict):
        await close(journal, plan)
    assert await rows(journal, "action_id", "escalations") == [(plan.id,)]
    assert await journal.store.read("SELECT count(*) FROM statements WHERE kind = 'outcome'") == [(1,)]


@pytest.mark.parametrize(("settled", "by"), [(True, LATER_LOOK), (False, None)])
async def test_only_an_unknown_end_is_said_anew(journal: Journal, settled: bool, by: str | None) -> None:
    plan = await begun(journal)
    await close(journal, plan)

    async def restate() -> None:
        sealed = seal(journal, plan, "recheck", "confirmed")
        work = PlanRows(journal).restating(plan, sealed, "confirmed", told("confirmed"), 9, settled)
        await journal.write((plan.id,), work)

    await restate()
    assert ((await stored(journal, plan)).status, (await stored(journal, plan)).held_until_ms) == ("confirmed", 9)
    assert await rows(journal, "acknowledged_by", "escalations") == [(by,)]
    with pytest.raises(Conflict):  # what is known is not taken back
        await restate()


async def test_a_plan_of_a_dead_owner_is_taken_over_when_its_lease_is_over(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    plan = await begun(journal)
    with pytest.raises(Conflict):
        await PlanRows(journal).take_plan(plan)
    clock.now_ms += LEASE_MS
    assert await PlanRows(journal).take_plan(plan) == plan.fence + 1
    with pytest.raises(Conflict):
        await close(journal, plan)
    clock.now_ms -= 5_000
    with pytest.raises(AilyusError) as caught:
        await PlanRows(journal).take_plan(replace(plan, fence=plan.fence + 1))
    assert caught.value.code == "clock_behind"
    await journal.store.aclose()


async def test_an_end_is_wished_of_a_plan_under_way_and_of_nothing_else(journal: Journal) -> None:
    plan, single = await begun(journal), await send(journal, "single")
    await PlanRows(journal).wish_end(plan.id)
    assert (await stored(journal, plan)).is_cancel_requested
    for other in (single.id, "act_unknown"):
        with pytest.raises(Conflict):
            await PlanRows(journal).wish_end(other)
    await close(journal, plan)
    with pytest.raises(Conflict):
        await PlanRows(journal).wish_end(plan.id)
