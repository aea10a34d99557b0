"""Reading a file: never on the loop, long reads beside short ones, after every commit, and nothing left behind."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.store import wal, wal_bound
from receipts.store.row import Read, Row
from receipts.store.sqlite import SqliteStore
from receipts.store.sqlite_readers import MOST_SNAPSHOTS
from tests.receipts.making import SIGNER
from tests.receipts.statements import statement
from tests.slowness import scaled

COUNT = "SELECT count(*) FROM statements"
DAMAGED = "the store cannot be read: database disk image is malformed"
CLOSED = "the store cannot be read: cannot operate on a closed database."
NEVER_CLOSED = """
import asyncio, sys
from pathlib import Path
from receipts.store.sqlite import SqliteStore
from tests.receipts.making import SIGNER

async def main():
    store = SqliteStore(Path(sys.argv[1]), SIGNER, "ailyus.test")
    await store.read("SELECT 1")
    await store.read_aside(lambda read: read("SELECT 1"))
    return store

store = asyncio.run(main())
print("done", flush=True)
"""
LEFT_BEHIND = """
import asyncio, sys
from pathlib import Path
from receipts.store.sqlite import SqliteStore
from tests.receipts.making import SIGNER

store = SqliteStore(Path(sys.argv[1]), SIGNER, "ailyus.test")
LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000) SELECT count(*) FROM n"

async def leave():
    await store.read("SELECT 1")
    reading = asyncio.create_task(store.read(LONG))
    await asyncio.sleep(0.01)
    assert not reading.done()

asyncio.run(leave())
print(asyncio.run(store.read("SELECT 1")), flush=True)
store.close()
"""


def opened(path: Path) -> SqliteStore:
    return SqliteStore(path, SIGNER, "ailyus.test")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = opened(tmp_path / "store.db")
    yield made
    await made.aclose()


def threads() -> set[threading.Thread]:
    """Those of stores."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("ailyus-")}


class Held:
    """A long read that goes on until it is let go."""

    def __init__(self, store: SqliteStore) -> None:
        self.began, self.end = threading.Event(), threading.Event()
        self.task = asyncio.create_task(store.read_aside(self._read))

    def _read(self, read: Read) -> list[list[Row]]:
        first = read(COUNT)
        self.began.set()
        assert self.end.wait(scaled(60))
        return [first, read(COUNT)]

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.began.wait, scaled(60))


async def test_no_read_runs_on_the_loop(store: SqliteStore) -> None:
    await store.read("SELECT 1")
    reading = store._points._opened
    assert reading is not None
    await reading.connection.create_function("thread", 0, threading.get_ident)
    ((point,),) = await store.read("SELECT thread()")
    aside = await store.read_aside(lambda read: threading.get_ident())
    assert len({point, aside, threading.get_ident(), store._thread.ident}) == 4


async def test_long_reads_hold_up_neither_short_ones_nor_the_writer(store: SqliteStore) -> None:
    await store.write(lambda txn: statement(txn, "rcp_0"))
    long = [Held(store) for _ in range(MOST_SNAPSHOTS)]
    for one in long:
        await one.has_begun()
    further = Held(store)
    further.end.set()
    await store.write(lambda txn: statement(txn, "rcp_1"))
    assert await asyncio.wait_for(store.read(COUNT), scaled(60)) == [(2,)]
    assert not further.began.is_set()
    for one in long:
        one.end.set()
        assert await one.task == [[(1,)], [(1,)]]
    assert await further.task == [[(2,)], [(2,)]]


async def test_what_was_written_is_read(store: SqliteStore) -> None:
    for number in range(1, 51):
        await store.write(lambda txn, n=number: statement(txn, f"rcp_{n}"))
        assert await store.read(COUNT) == [(number,)]
        assert await store.read_aside(lambda read: read(COUNT)) == [(number,)]


async def test_a_reader_that_goes_away_leaves_the_first_read_to_the_others(store: SqliteStore) -> None:
    gone, stays = (asyncio.create_task(store.read("SELECT 1")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == [(1,)]
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert sum(thread.name == "ailyus-reader" for thread in threads()) == 1


async def test_a_long_read_holds_the_write_ahead_log_no_longer_than_it_lasts(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "LIMIT", 200_000)
    monkeypatch.setattr(wal_bound, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(wal_bound, "LOOK_SECONDS", 0.0)
    await store.write(lambda txn: statement(txn, "rcp_first"))
    await store.read(COUNT)
    long = Held(store)
    await long.has_begun()
    for number in range(60):
        await store.write(lambda txn, n=number: statement(txn, f"rcp_{n}"))
    assert wal.size_of(store.path) > wal.LIMIT
    long.end.set()
    await long.task
    await store.write(lambda txn: statement(txn, "rcp_last"))
    await store.write(lambda txn: statement(txn, "rcp_after"))  # the one before is answered before the log is cut
    assert wal.size_of(store.path) <= wal.LIMIT


@pytest.mark.parametrize("on_the_loop", [False, True])
async def test_a_closed_store_has_no_thread_and_no_log_to_write_back(tmp_path: Path, on_the_loop: bool) -> None:
    before = threads()
    store = opened(tmp_path / "store.db")
    await store.write(lambda txn: statement(txn, "rcp_0"))
    assert await store.read(COUNT) == await store.read_aside(lambda read: read(COUNT)) == [(1,)]
    assert store.head()
    asked = asyncio.create_task(store.read(COUNT))
    await asyncio.sleep(0)
    if on_the_loop:
        store.close()
    else:
        await store.aclose()
    assert await asked == [(1,)]
    assert threads() == before
    assert not store.path.with_name("store.db-wal").exists()
    with pytest.raises(AilyusError, match=CLOSED):
        await store.read(COUNT)
    with pytest.raises(AilyusError, match=CLOSED):
        await store.read_aside(lambda read: read(COUNT))
    with pytest.raises(AilyusError, match=CLOSED):
        store.head()


def test_each_loop_reads_and_one_connection_stays(tmp_path: Path) -> None:
    before = threads()
    store = opened(tmp_path / "store.db")
    for number in range(3):
        asyncio.run(store.write(lambda txn, n=number: statement(txn, f"rcp_{n}")))
        assert asyncio.run(store.read(COUNT)) == [(number + 1,)]
        assert asyncio.run(store.read_aside(lambda read: read(COUNT))) == [(number + 1,)]
        assert sum(thread.name == "ailyus-reader" for thread in threads() - before) == 1
    store.close()
    assert threads() == before


@pytest.mark.parametrize(("program", "said"), [(NEVER_CLOSED, "done\n"), (LEFT_BEHIND, "[(1,)]\n")])
def test_a_process_ends_although_nobody_waits_for_its_reads(tmp_path: Path, program: str, said: str) -> None:
    command = [sys.executable, "-c", program, str(tmp_path / "store.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=scaled(60), check=False)
    assert (done.returncode, done.stdout) == (0, said), done.stderr


async def test_a_damaged_table_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    opened(path).close()
    with sqlite3.connect(path) as connection:
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'evidence'").fetchall()
        ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    connection.close()
    with path.open("r+b") as file:
        file.seek(size * (page - 1))
        file.write(b"\xff" * size)
    store = opened(path)
    try:
        for _ in range(2):
            with pytest.raises(AilyusError, match=DAMAGED) as point:
                await store.read("SELECT * FROM evidence")
            with pytest.raises(AilyusError, match=DAMAGED) as aside:
                await store.read_aside(lambda read: read("SELECT * FROM evidence"))
            assert point.value.code == aside.value.code == "store_corrupt"
            assert await store.read(COUNT) == await store.read_aside(lambda read: read(COUNT)) == [(0,)]
    finally:
        await store.aclose()


async def test_a_long_read_that_fails_gives_its_connection_back(store: SqliteStore) -> None:
    def fails(read: Read) -> None:
        read(COUNT)
        raise KeyError("a fault of its own")

    for _ in range(2 * MOST_SNAPSHOTS):
        with pytest.raises(KeyError):
            await store.read_aside(fails)
    assert len(store._snapshots._idle) == 1
    assert not store._snapshots._idle[0].in_transaction


def test_a_store_that_does_not_open_leaves_nothing_open(tmp_path: Path) -> None:
    opened(tmp_path / "store.db").close()
    (tmp_path / "store.db.head").write_text(f"7 {'0' * 64}\n")
    before = threads()
    with pytest.raises(AilyusError) as caught:
        opened(tmp_path / "store.db")
    assert caught.value.code == "store_rewound"
    assert threads() == before
    files = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_open(name)]
    assert [file for file in files if file.startswith(str(tmp_path))] == []


def _is_open(descriptor: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{descriptor}")
