"""The store's promises: groups, SAVEPOINTs, failing commits, rewound copies, one owner, clocks."""

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError, NotDurable
from receipts.store.sqlite import SqliteStore
from receipts.store.sqlite_file import own
from receipts.store.store import Store
from receipts.store.transaction import Conflict, Txn
from tests.receipts.making import store_at
from tests.receipts.statements import SIGNER, statement

Make = Callable[..., SqliteStore]


pytestmark = pytest.mark.both_stores


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    opened: list[SqliteStore] = []

    def build(
        path: Path | None = None, clock: Callable[[], int] | None = None, kind: type[SqliteStore] = SqliteStore
    ) -> SqliteStore:
        store = kind(path or tmp_path / "store.db", SIGNER, "ailyus.test", clock)
        opened.append(store)
        return store

    yield build
    for store in opened:
        if store._thread.is_alive():
            store.close()


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


def test_a_commit_that_fails_answers_nobody_and_leaves_nothing(make: Make) -> None:
    store = make()
    store.submit(lambda txn: statement(txn, "rcp_0")).result()
    head = store.head()
    block = store.submit(lambda txn: time.sleep(0.1))

    def breaks_the_commit(txn: Txn) -> None:
        # a deferred foreign key is checked by COMMIT itself: a real way in which COMMIT fails
        txn.write("PRAGMA defer_foreign_keys = ON", rows=None)
        txn.write("INSERT INTO approvals VALUES ('a', 'no such action', 'p', 'r', x'00', 1)")

    good = [store.submit(lambda txn, n=n: statement(txn, f"rcp_{n}")) for n in (1, 2)]
    bad = store.submit(breaks_the_commit)
    block.exception()
    for future in (*good, bad):
        with pytest.raises(NotDurable):
            future.result()
    assert store.head() == head
    assert store.submit(lambda txn: statement(txn, "rcp_3")).result() == 1


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


def test_one_owner(make: Make) -> None:
    make()
    with pytest.raises(AilyusError) as caught:
        make()
    assert caught.value.code == "owner_elsewhere"


def test_an_older_copy_does_not_start(make: Make, tmp_path: Path) -> None:
    store = make()
    store.submit(lambda txn: statement(txn, "rcp_0")).result()
    store.close()
    shutil.copy(tmp_path / "store.db", tmp_path / "old.db")
    store = make()
    store.submit(lambda txn: statement(txn, "rcp_1")).result()
    store.close()
    shutil.copy(tmp_path / "old.db", tmp_path / "store.db")
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"store.db{suffix}").unlink(missing_ok=True)
    with pytest.raises(AilyusError) as caught:
        make()
    assert caught.value.code == "store_rewound"


def test_another_history_does_not_start(make: Make, tmp_path: Path) -> None:
    store = make()
    store.submit(lambda txn: statement(txn, "rcp_0")).result()
    store.close()
    other = make(tmp_path / "other.db")
    for n in range(3):
        other.submit(lambda txn, n=n: statement(txn, f"rcp_other{n}")).result()
    other.close()
    shutil.copy(tmp_path / "other.db", tmp_path / "store.db")
    with pytest.raises(AilyusError) as caught:
        make()
    assert caught.value.code == "store_rewound"


def test_a_damaged_node_does_not_start(make: Make, tmp_path: Path) -> None:
    store = make()
    store.submit(lambda txn: statement(txn, "rcp_0")).result()
    store.close()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE nodes SET hash = x'00'")
    connection.close()
    with pytest.raises(AilyusError) as caught:
        make()
    assert caught.value.code == "store_corrupt"


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


async def test_a_probe_raises_what_every_commit_would(make: Make) -> None:
    store = make()
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(NotDurable, match="readonly"):
        await store.probe()
    await store.probe()  # the connection was opened anew


async def test_a_lock_that_was_taken_away_is_taken_again_or_nothing_more_is_written(make: Make, tmp_path: Path) -> None:
    store = make()
    lock = tmp_path / "store.db.lock"
    assert store.is_owner()
    lock.unlink()
    assert not store.is_owner()
    assert store.is_owner()
    with pytest.raises(AilyusError, match="another process owns"):
        own(tmp_path / "store.db")
    lock.unlink()
    taken = own(tmp_path / "store.db")
    try:
        assert not store.is_owner()
        with pytest.raises(NotDurable, match="another process owns this store"):
            store.submit(lambda txn: statement(txn, "rcp_0"))
        assert store.failed is not None
    finally:
        os.close(taken)
    store.close()
    assert not store.is_owner()
    assert lock.exists()


async def test_a_full_disk_is_an_error_and_leaves_nothing(make: Make) -> None:
    store = make()
    store.submit(lambda txn: statement(txn, "rcp_0")).result()
    pages = (await store.read("PRAGMA page_count"))[0][0]
    store.submit(lambda txn: txn.query(f"PRAGMA max_page_count = {pages}")).result()
    with pytest.raises(AilyusError):
        store.submit(lambda txn: txn.write("INSERT INTO evidence VALUES (1, 'l', x'00', ?)", b"x" * 1_000_000)).result()
    assert await store.read("SELECT count(*) FROM evidence") == [(0,)]
    assert "\n1\n" in store.head()
