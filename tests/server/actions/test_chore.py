"""Chores, each by itself: one that hangs or fails delays no other, none overlaps with itself, and the end waits."""

import asyncio

from contracts.errors import AilyusError
from receipts.store.transaction import Conflict
from server.actions.chore import Chore, Chores
from server.observability.logs import configure
from tests.log_lines import heard
from tests.until import until


class Work:
    """What is done: how often it began, and how many are at it now and at most."""

    def __init__(self, *faults: Exception, held: asyncio.Event | None = None) -> None:
        self.faults = list(faults)
        self.held = held
        self.begun = self.ended = self.now = self.most = 0

    async def __call__(self) -> None:
        self.begun += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if self.faults:
                raise self.faults.pop(0)
            if self.held is not None:
                await self.held.wait()
            self.ended += 1
        finally:
            self.now -= 1


async def test_what_hangs_or_fails_delays_no_other_chore() -> None:
    hanging, failing, well = Work(held=asyncio.Event()), Work(*(ValueError("theirs") for _ in range(100_000))), Work()
    chores = Chores([Chore("hangs", hanging, 0.001), Chore("fails", failing, 0.001), Chore("well", well, 0.001)])
    configure()
    with heard() as lines:
        chores.start()
        await until(lambda: well.ended >= 10 and failing.begun >= 10)
        assert chores.is_alive
        await chores.stop(drain_seconds=0.01)
    assert (hanging.begun, hanging.ended, hanging.most) == (1, 0, 1)
    failed = [line for line in lines if line["event"] == "chore_failed"]
    assert {(line["chore"], line["exception"]) for line in failed} == {("fails", "ValueError")}
    assert [line["chore"] for line in lines if line["event"] == "chore_cut"] == ["hangs"]
    assert "theirs" not in str(lines)
    assert not chores.is_alive


async def test_a_store_that_fails_is_told_by_its_code_and_a_conflict_is_not() -> None:
    work = Work(AilyusError("store_unavailable", "it is full"), Conflict("somebody was first"))
    chores = Chores([Chore("work", work, 0.001)])
    configure()
    with heard() as lines:
        chores.start()
        await until(lambda: work.ended >= 1)
        await chores.stop()
    assert [(line["event"], line["code"]) for line in lines] == [("chore_failed", "store_unavailable")]


async def test_what_is_under_way_ends_before_the_stop_and_nothing_begins_after_it() -> None:
    held = asyncio.Event()
    work, later = Work(held=held), Work()
    chores = Chores([Chore("work", work, 0.001), Chore("later", later, 3600.0)])
    chores.start()
    await until(lambda: work.begun == 1)
    stopping = asyncio.create_task(chores.stop())
    await asyncio.sleep(0.01)
    assert not stopping.done()
    held.set()
    await stopping
    assert (work.begun, work.ended, later.begun) == (1, 1, 0)


async def test_chores_that_never_began_stop_at_once() -> None:
    await Chores([Chore("work", Work(), 0.001)]).stop()
