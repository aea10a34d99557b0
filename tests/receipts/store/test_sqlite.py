"""A store that is a file: failing commits, rewound copies, other pasts, damaged nodes, full disks, one owner."""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError, NotDurable
from receipts.store.sqlite import SqliteStore
from receipts.store.sqlite_file import own
from receipts.store.transaction import Txn
from tests.receipts.statements import SIGNER, statement

Make = Callable[..., SqliteStore]


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


async def test_a_full_disk_is_an_error_and_leaves_nothing(make: Make) -> None:
    store = make()
    store.submit(lambda txn: statement(txn, "rcp_0")).result()
    pages = (await store.read("PRAGMA page_count"))[0][0]
    store.submit(lambda txn: txn.query(f"PRAGMA max_page_count = {pages}")).result()
    with pytest.raises(AilyusError):
        store.submit(lambda txn: txn.write("INSERT INTO evidence VALUES (1, 'l', x'00', ?)", b"x" * 1_000_000)).result()
    assert await store.read("SELECT count(*) FROM evidence") == [(0,)]
    assert "\n1\n" in store.head()


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
