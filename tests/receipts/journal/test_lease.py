"""A lease keeps others away while it lasts; a fence keeps its old owner away for ever."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import AilyusError
from receipts.action.action import PlanStep
from receipts.journal.lease import LEASE_MARGIN_MS, LEASE_MS, extend_plan_lease, lease_until, renewal, still_owned
from receipts.store.transaction import Conflict
from tests.receipts.making import journal_at
from tests.receipts.stages import Clock, rows, send, stored

MOMENTS = st.integers(0, 2**52)


@given(MOMENTS, MOMENTS)
def test_a_lease_outlives_the_deadline_and_is_never_short(deadline_ms: int, now_ms: int) -> None:
    until = lease_until(deadline_ms, now_ms)
    assert until >= deadline_ms + LEASE_MARGIN_MS
    assert until >= now_ms + LEASE_MS
    assert until in (deadline_ms + LEASE_MARGIN_MS, now_ms + LEASE_MS)


async def test_only_the_owner_of_the_fence_renews_and_never_shortens(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    of = await send(journal, timeout_ms=30_000)
    long = clock.now_ms + 30_000 + LEASE_MARGIN_MS
    await journal.store.write(renewal([(of.id, of.fence)]))
    await journal.store.write(still_owned(of))
    assert await rows(journal, "lease_until_ms", "actions") == [(long,)]
    clock.now_ms = long
    await journal.store.write(renewal([(of.id, of.fence + 1), ("act_other", 1)]))
    assert await rows(journal, "lease_until_ms", "actions") == [(long,)]
    await journal.store.write(renewal([(of.id, of.fence)]))
    assert await rows(journal, "lease_until_ms", "actions") == [(long + LEASE_MS,)]
    clock.now_ms += 1
    await journal.store.write(still_owned(of))
    assert await rows(journal, "lease_until_ms", "actions") == [(long + LEASE_MS + 1,)]
    with pytest.raises(Conflict):
        await journal.store.write(still_owned(replace(of, fence=of.fence + 1)))
    await journal.store.aclose()


async def test_a_lease_that_is_over_is_taken_once_and_the_intent_with_it(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    of = await send(journal)
    clock.now_ms += LEASE_MS - 1
    with pytest.raises(Conflict):
        await journal.take_over(of)
    clock.now_ms += 1
    assert await journal.take_over(of) == of.fence + 1
    assert await rows(journal, "fence", "intents") == [(of.fence + 1,)]
    with pytest.raises(Conflict):
        await journal.take_over(of)
    assert (await stored(journal, of)).fence == of.fence + 1
    assert await rows(journal, "lease_until_ms", "actions") == [(clock.now_ms + LEASE_MS,)]
    await journal.store.aclose()


async def test_a_clock_that_is_behind_takes_nothing_over(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    of = await send(journal)
    await journal.end_leases()
    clock.now_ms -= 5_000
    with pytest.raises(AilyusError) as caught:
        await journal.take_over(of)
    assert caught.value.code == "clock_behind"
    assert (await stored(journal, of)).fence == of.fence
    await journal.store.aclose()


async def test_a_step_extends_the_lease_of_its_plan_under_the_plans_own_fence(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    plan = await send(journal)
    step = PlanStep(plan.id, plan.fence, 0, 1, "first")
    await journal.store.write(lambda txn: extend_plan_lease(txn, step, clock.now_ms + 90_000))
    await journal.store.write(lambda txn: extend_plan_lease(txn, step, clock.now_ms))
    assert await rows(journal, "lease_until_ms", "actions") == [(clock.now_ms + 91_000,)]
    taken = replace(step, fence=step.fence + 1)
    with pytest.raises(Conflict):
        await journal.store.write(lambda txn: extend_plan_lease(txn, taken, clock.now_ms))
    await journal.store.aclose()


async def test_a_new_owner_of_the_store_ends_every_lease(tmp_path: Path) -> None:
    journal = await journal_at(tmp_path / "s.db")
    of = await send(journal)
    assert not await journal.lease_ended(of.id)
    await journal.end_leases()
    assert await journal.lease_ended(of.id)
    await journal.store.aclose()
