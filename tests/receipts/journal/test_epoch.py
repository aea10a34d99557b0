"""The control epoch only grows, and is committed with what made it grow."""

import asyncio
from pathlib import Path

import pytest

from receipts.journal.epoch import bump
from receipts.store.transaction import Conflict, Txn
from tests.receipts.making import store_at


async def test_the_first_epoch_is_one_and_each_is_the_next(tmp_path: Path) -> None:
    store = store_at(tmp_path / "s.db")
    assert [await store.write(bump) for _ in range(3)] == [1, 2, 3]
    assert await store.read("SELECT value FROM meta WHERE key = 'epoch'") == [("3",)]
    await store.aclose()


async def test_no_two_entries_get_the_same_epoch(tmp_path: Path) -> None:
    store = store_at(tmp_path / "s.db")
    epochs = await asyncio.gather(*(store.write(bump) for _ in range(20)))
    assert sorted(epochs) == list(range(1, 21))
    await store.aclose()


async def test_an_entry_that_fails_leaves_the_epoch(tmp_path: Path) -> None:
    store = store_at(tmp_path / "s.db")
    await store.write(bump)

    def work(txn: Txn) -> None:
        before = txn.control_changes
        assert bump(txn) == 2
        assert txn.control_changes == before + 1, "other replicas are told by this count"
        raise Conflict

    with pytest.raises(Conflict):
        await store.write(work)
    assert await store.write(bump) == 2
    await store.aclose()
