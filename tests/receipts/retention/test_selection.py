"""What is open, young, or still asked for stays; only what is closed in every respect may leave the store."""

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.budget import Budget, BudgetText
from receipts.archive.action_group import ActionGroup, read_groups
from receipts.journal.journal import Journal
from receipts.journal.outcome import Escalation
from receipts.retention.selection import COUNTED_MS, Hold, RetentionLine, closed_roots, hold_of
from receipts.store.row import Read
from tests.receipts.closed import DAY_MS, ago, close, journal_of, retention
from tests.receipts.stages import Clock, ask, end, send, stored

OLD = 100


def test_no_window_of_a_budget_reaches_beyond_what_an_archive_leaves() -> None:
    text = BudgetText(name="day", action="write", window="day")
    budget, longest = Budget(text, frozenset({"write"})), 0
    # the last millisecond of each day of two years, by clocks of zones that put them back at other times
    for zone in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran", "America/Santiago"):
        first = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))
        for day in range(1, 731):
            now_ms = int((first + timedelta(days=day)).timestamp() * 1000) - 1
            longest = max(longest, now_ms - budget.since_ms(now_ms, zone))
    assert 25 * 3_600_000 - 1 == longest < COUNTED_MS


async def groups(journal: Journal, before_ms: int) -> dict[str, tuple[ActionGroup, Hold]]:
    """Every group that may be one to go, by its root, with what holds it."""

    def look(read: Read) -> dict[str, tuple[ActionGroup, Hold]]:
        line = RetentionLine.read(read, before_ms, journal.store.now_ms())
        found = read_groups(read, closed_roots(read, line, ""))
        return {group.root: (group, hold_of(group, line)) for group in found}

    return await journal.store.read_aside(look)


async def lived(journal: Journal, clock: Clock, **how: Any) -> str:
    """An action that ended so, and became old; the breaker counts others."""
    of = await send(journal, "it")
    await end(journal, of, **how)
    await close(journal, "x", "y", "z")
    clock.now_ms += OLD * DAY_MS
    return of.id


@pytest.mark.both_stores
@pytest.mark.parametrize(
    ("how", "hold"),
    [
        ({}, ""),
        ({"held_until_ms": 2**50}, "repeat"),
        ({"status": "unknown", "incident": "resource"}, "incident"),
        ({"status": "unknown", "rechecks": (1,)}, "recheck"),
        ({"escalation": Escalation("esc_1", "oncall")}, "escalation"),
    ],
)
async def test_what_is_not_settled_stays(tmp_path: Path, database: str, how: dict[str, Any], hold: Hold) -> None:
    clock = Clock()
    journal = await journal_of(tmp_path / "store.db", clock, database)
    it = await lived(journal, clock, **how)
    assert (await groups(journal, ago(journal, 90)))[it][1] == hold
    await journal.store.aclose()


@pytest.mark.both_stores
async def test_the_last_actions_of_a_contract_stay_for_the_breaker(tmp_path: Path, database: str) -> None:
    clock = Clock()
    journal = await journal_of(tmp_path / "store.db", clock, database)
    done = await close(journal, "a", "b", "c", "d", "e")
    clock.now_ms += OLD * DAY_MS
    found = await groups(journal, ago(journal, 90))
    assert [found[one.id][1] for one in done] == ["", "", "breaker", "breaker", "breaker"]
    await journal.store.aclose()


async def test_what_is_young_is_not_even_looked_at(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path / "store.db", Clock())
    await close(journal, "a", "b", "c", "d")
    assert await groups(journal, ago(journal, 90)) == {}
    await journal.store.aclose()


STAGES = ("closed", "waiting", "out", "held", "incident", "recheck")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(STAGES), max_size=8), st.integers(0, 8))
def test_nothing_open_is_ever_archived(stages: list[str], young: int) -> None:
    """Of any set of actions, in any order, exactly those leave that are closed, old, and not among the last three."""

    async def run(folder: Path) -> None:
        clock = Clock()
        journal = await journal_of(folder / "store.db", clock)
        made: list[tuple[str, str]] = []
        for place, stage in enumerate(stages):
            if place == len(stages) - min(young, len(stages)):
                clock.now_ms += OLD * DAY_MS
            made.append((stage if place < len(stages) - young else "young", await _make(journal, stage, f"n{place}")))
        if not young:
            clock.now_ms += OLD * DAY_MS
        closed = {id_ for stage, id_ in made if stage == "closed"}
        await retention(journal).archive(folder / "one.archive", ago(journal, 90))
        left = {str(id_) for (id_,) in await journal.store.read("SELECT id FROM actions")}
        gone = {id_ for _, id_ in made} - left
        assert gone <= closed
        sent = [id_ for place, (_, id_) in enumerate(made) if stages[place] not in ("waiting", "out")]
        assert gone == closed - set(sent[-3:])
        await journal.store.aclose()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def _make(journal: Journal, stage: str, name: str) -> str:
    from tests.receipts.making import action

    if stage == "waiting":
        return (await ask(journal, action(name))).id
    of = await send(journal, name, timeout_ms=2**40)
    if stage == "out":
        return of.id
    how: dict[str, Any] = {
        "closed": {},
        "held": {"held_until_ms": 2**50},
        "incident": {"status": "unknown", "incident": name},
        "recheck": {"status": "unknown", "rechecks": (1,)},
    }[stage]
    await end(journal, of, **how)
    return (await stored(journal, of)).id


async def test_what_belongs_to_it_and_is_open_keeps_a_closed_action(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_of(tmp_path / "store.db", clock)
    (done,) = await close(journal, "a")
    part = await send(journal, "b", timeout_ms=2**40)
    await journal.store.write(lambda txn: txn.write("UPDATE actions SET plan_id = ? WHERE id = ?", done.id, part.id))
    await close(journal, "x", "y", "z")
    clock.now_ms += OLD * DAY_MS
    group, hold = (await groups(journal, ago(journal, 90)))[done.id]
    assert (set(group.ids), hold) == ({done.id, part.id}, "open")
    await journal.store.aclose()
