"""The store's promises on either engine: groups, entries that fail, waiters that go away, clocks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from contracts.errors import AilyusError, NotDurable
from receipts.store.store import Store
from receipts.store.transaction import Conflict, Txn
from tests.receipts.making import store_at
from tests.receipts.statements import statement

pytestmark = pytest.mark.both_stores
Open = Callable[..., Store]


@pytest.fixture
async def either(tmp_path: Path, database: str) -> AsyncIterator[Open]:
    """A store on either engine."""
    opened: list[Store] = []

    def build(clock: Callable[[], int] | None = None) -> Store:
        opened.append(store_at(tmp_path / "store.db", database, clock))
        return opened[-1]

    yield build
    for store in opened:
        await store.aclose()


async def test_one_poisoned_entry_among_sixty_four(either: Open) -> None:
    store = either()
    block = store.submit(lambda txn: time.sleep(0.1))

    def work(number: int) -> Callable[[Txn], int]:
        def entry(txn: Txn) -> int:
            txn.write("INSERT INTO meta VALUES (?, 'x')", f"k{number}")
            place = statement(txn, f"rcp_{number}")
            if number == 31:
                txn.write("INSERT INTO meta VALUES (?, 'again')", "k30")
            return place

        return entry

    futures = [store.submit(work(i)) for i in range(64)]
    block.result()
    done = [f.exception() for f in futures]
    assert [i for i, fault in enumerate(done) if fault] == [31]
    assert isinstance(done[31], Conflict)
    assert await store.read("SELECT count(*) FROM meta WHERE key LIKE 'k%'") == [(63,)]
    assert await store.read("SELECT count(*) FROM statements") == [(63,)]
    assert sorted(f.result() for i, f in enumerate(futures) if i != 31) == list(range(63))
    assert store.commits <= 3
    assert "\n63\n" in await store.newest()


async def test_a_fault_of_our_own_is_told_and_ends_the_writing(either: Open) -> None:
    store = either()
    store.submit(lambda txn: statement(txn, "rcp_0")).result()

    def breaks_the_log(txn: Txn) -> None:
        txn.leaves.append("no hash")  # type: ignore[arg-type]

    with pytest.raises(NotDurable, match="the store's writer failed: typeerror"):
        store.submit(breaks_the_log).result(10)
    with pytest.raises(NotDurable):
        store.submit(lambda txn: statement(txn, "rcp_1"))
    assert await store.read("SELECT id FROM statements") == [("rcp_0",)]


async def test_a_cancelled_waiter_never_cancels_its_entry(either: Open) -> None:
    store = either()

    slow = store.submit(lambda txn: time.sleep(0.1))
    waiter = asyncio.create_task(store.write(lambda txn: statement(txn, "rcp_1")))
    await asyncio.sleep(0.02)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    await asyncio.wrap_future(slow)
    await store.write(lambda txn: None)
    assert await store.read("SELECT id FROM statements") == [("rcp_1",)]


async def test_another_number_of_rows_writes_nothing(either: Open) -> None:
    store = either()

    def work(txn: Txn) -> None:
        txn.write("INSERT INTO meta VALUES ('a', '1')")
        txn.write("UPDATE meta SET value = '2' WHERE key = 'no such key'")

    with pytest.raises(Conflict):
        store.submit(work).result()
    assert await store.read("SELECT count(*) FROM meta") == [(0,)]


async def test_a_clock_that_runs_behind_claims_nothing_but_records_outcomes(either: Open) -> None:
    now = [10_000_000]
    store = either(clock=lambda: now[0])
    store.submit(lambda txn: statement(txn, "rcp_0")).result()
    now[0] -= 3_600_000

    def claim(txn: Txn) -> None:
        txn.require_clock()

    with pytest.raises(AilyusError) as caught:
        store.submit(claim).result()
    assert caught.value.code == "clock_behind"
    store.submit(lambda txn: statement(txn, "rcp_1")).result()
    assert await store.read("SELECT at_ms FROM statements WHERE id = 'rcp_1'") == [(10_000_000,)]


async def test_a_probe_is_a_commit_that_says_nothing(either: Open) -> None:
    now = [10_000_000]
    store = either(clock=lambda: now[0])
    store.submit(lambda txn: statement(txn, "rcp_0")).result()
    before = (store.commits, store.changes, store.size, store.high_water_ms)
    now[0] += 3_600_000
    await store.probe()
    await store.probe()
    assert (store.commits, store.changes, store.size, store.high_water_ms) == before
    assert await store.read("SELECT count(*) FROM meta WHERE key = 'probe'") == [(1,)]
    now[0] -= 3_600_000  # a clock that was ahead while probes were made is not behind now
    store.submit(lambda txn: txn.require_clock()).result()
    store.submit(lambda txn: statement(txn, "rcp_1")).result()
    # in a group with others it counts as they do
    both = await asyncio.gather(store.probe(), store.write(lambda txn: statement(txn, "rcp_2")))
    assert both == [None, 2]
    assert store.changes > before[1]
