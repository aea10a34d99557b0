"""What must hold in the commit of an intent: room at the connection and the resource, and rates as they were counted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.action.dispatch import Dispatch
from policies.decision import Rate
from receipts.action.action import Action
from receipts.journal.intent import Busy, IntentCommit, Limits, Stale, limits_of, rate_in, rate_query, rooms_of
from receipts.journal.journal import Journal
from tests.receipts.making import action, intend, journal_at, request, try_to_intend
from tests.receipts.stages import Clock, end, rows, send


async def rate(journal: Journal, of: Action) -> Rate:
    sql, *values = rate_query(of, journal.store.now_ms())
    return rate_in(await journal.store.read(str(sql), *values))


async def refused(journal: Journal, name: str, **how: Any) -> Busy | Stale:
    """Why the intent of a new action was not committed."""
    before = await rows(journal, "id", "actions")
    why = await try_to_intend(journal, action(name), **how)
    assert not isinstance(why, Dispatch)
    assert await rows(journal, "id", "actions") == before
    return why


async def wanted(journal: Journal, **how: Any) -> IntentCommit:
    """What was to be committed, as a connection without any room gives it back."""
    why = await refused(journal, "wanted", limits=Limits(in_flight=-1), **how)
    assert isinstance(why, Busy)
    return why.commit


async def test_a_connection_takes_no_more_than_fits_in_flight(journal: Journal) -> None:
    limits = Limits(in_flight=2)
    first = await send(journal, "r1", limits=limits)
    await send(journal, "r2", limits=limits)
    why = await refused(journal, "r3", limits=limits)
    assert isinstance(why, Busy)
    assert why.frees_soon
    await intend(journal, replace(action("slack"), request=request("slack", connection="slack")), limits=limits)
    await end(journal, first)
    await intend(journal, action("r3"), limits=limits)


async def test_a_minute_takes_its_number_and_the_next_minute_again(tmp_path: Path) -> None:
    clock, limits = Clock(), Limits(per_minute=2)
    journal = await journal_at(tmp_path / "s.db", clock)
    for name in ("r1", "r2"):
        await end(journal, await send(journal, name, limits=limits))
    why = await refused(journal, "r3", limits=limits)
    assert isinstance(why, Busy)
    assert not why.frees_soon
    clock.now_ms += 60_000
    await intend(journal, action("r3"), limits=limits)
    await journal.store.aclose()


async def test_a_resource_is_written_by_one_at_a_time(journal: Journal) -> None:
    await send(journal, "r1", lock="resource")
    why = await refused(journal, "r2", lock="resource")
    assert isinstance(why, Busy)
    assert why.frees_soon
    await intend(journal, action("r3"), lock="another")


async def test_what_was_written_since_the_look_was_not_seen(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    before = replace((await wanted(journal)).before, at_ms=clock.now_ms)
    clock.now_ms += 100
    await end(journal, await send(journal, "r1", lock="resource"))
    assert await refused(journal, "r2", lock="resource", before=before) == Stale()
    await intend(journal, action("r2"), lock="resource", before=replace(before, at_ms=clock.now_ms + 1))
    await journal.store.aclose()


async def test_two_that_each_saw_room_for_one_are_not_both_let_in(journal: Journal) -> None:
    seen = await rate(journal, action("r1"))
    assert seen == Rate()
    await send(journal, "r1", rate=seen, spent=5)
    assert await refused(journal, "r2", rate=seen) == Stale(counted=True)
    now = await rate(journal, action("r2"))
    assert now == Rate(last_hour=1, last_day=1, spent_last_day=5)
    assert await refused(journal, "r2", rate=replace(now, spent_last_day=4)) == Stale(counted=True)
    await intend(journal, action("r2"), rate=now)


async def test_an_hour_and_a_day_pass_and_what_was_not_applied_does_not_count(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    await end(journal, await send(journal, "r1", spent=5))
    await end(journal, await send(journal, "r2", spent=7), status="not_applied")
    undo = replace(action("undo"), undoes="act_first")
    await intend(journal, undo, spent=9)
    assert await rate(journal, action("r3")) == Rate(1, 1, 5)
    clock.now_ms += 3_600_000
    assert await rate(journal, action("r3")) == Rate(0, 1, 5)
    clock.now_ms += 23 * 3_600_000
    assert await rate(journal, action("r3")) == Rate()
    assert await rate(journal, replace(action(), request=request(agent="other"))) == Rate()
    await journal.store.aclose()


async def test_rooms_are_those_of_the_limits_that_are_set(journal: Journal) -> None:
    commit = await wanted(journal)
    none = replace(commit, limits=Limits())
    assert (limits_of(none, 0), rooms_of(none, 0)) == ([], [])
    both = replace(commit, limits=Limits(3, 4), lock="resource")
    assert [(room.most, room.soon) for room in limits_of(both, 0)] == [(3, True), (4, False)]
    assert [(room.most, room.soon) for room in rooms_of(both, 0)] == [(3, True), (4, False), (1, True)]


@pytest.mark.parametrize("lock", [None, "resource"])
async def test_an_older_release_or_epoch_commits_nothing(journal: Journal, lock: str | None) -> None:
    commit = await wanted(journal, lock=lock)
    ready = replace(commit, limits=Limits())
    for basis in (replace(ready.basis, release="older"), replace(ready.basis, epoch=ready.basis.epoch - 1)):
        assert await journal.intend(replace(ready, basis=basis)) == Stale(moved=True)
    assert await rows(journal, "id", "actions") == []
    assert isinstance(await journal.intend(ready), Dispatch)
