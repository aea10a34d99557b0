"""A lock that is taken in a thread: given back after the block, after a fault in it, and by whoever was cancelled."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from receipts.retention.threaded_lock import holding


@contextmanager
def taken(lock: threading.Lock, *, within: float = 60.0) -> Iterator[None]:
    if not lock.acquire(timeout=within):
        raise BlockingIOError("somebody has it")
    try:
        yield
    finally:
        lock.release()


async def test_a_lock_is_given_back_after_the_block_and_after_a_fault_in_it() -> None:
    lock = threading.Lock()
    async with holding(taken(lock)):
        assert lock.locked()
    assert not lock.locked()
    with pytest.raises(ZeroDivisionError):
        async with holding(taken(lock)):
            _ = 1 // 0
    assert not lock.locked()


async def test_a_lock_that_cannot_be_taken_stays_whose_it_is() -> None:
    lock = threading.Lock()
    with lock:
        with pytest.raises(BlockingIOError):
            async with holding(taken(lock, within=0.0)):
                raise AssertionError
        assert lock.locked()


async def test_whoever_is_cancelled_while_it_is_taken_gives_it_back() -> None:
    lock, entered = threading.Lock(), threading.Event()
    lock.acquire()

    @contextmanager
    def slow() -> Iterator[None]:
        entered.set()
        with taken(lock):
            yield

    async def hold() -> None:
        async with holding(slow()):
            raise AssertionError

    waiting = asyncio.create_task(hold())
    assert await asyncio.to_thread(entered.wait, 60)
    waiting.cancel()
    await asyncio.sleep(0)  # it has been told, and the thread still waits for the lock
    lock.release()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not lock.locked()
