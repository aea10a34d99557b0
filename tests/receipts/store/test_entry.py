"""An entry of the writer's queue is answered once, on its waiter's own loop, or not at all when nobody waits."""

import asyncio
import threading
from concurrent.futures import Future

import pytest

from contracts.errors import NotDurable
from receipts.store.entry import Entry, answer, answer_all
from tests.slowness import scaled


def entry(waiter: "Future[object] | asyncio.Future[object]", result: object = None) -> Entry[object]:
    loop = waiter.get_loop() if isinstance(waiter, asyncio.Future) else None
    return Entry(lambda _: None, waiter, loop, result=result)


def test_a_thread_that_waits_gets_the_result_or_the_fault() -> None:
    done: Future[object] = Future()
    answer([entry(done, 7)])
    assert done.result(0) == 7
    failed: Future[object] = Future()
    one = entry(failed, 7)
    one.fault = ValueError("no")
    answer([one])
    with pytest.raises(ValueError, match="no"):
        failed.result(0)


def test_every_entry_of_a_group_fails_so() -> None:
    waiters: list[Future[object]] = [Future(), Future()]
    fault = NotDurable("the disk is full")
    answer_all([entry(waiter, 1) for waiter in waiters], fault)
    assert [waiter.exception(0) for waiter in waiters] == [fault, fault]


async def test_a_coroutine_is_answered_on_its_own_loop() -> None:
    loop = asyncio.get_running_loop()
    waiters = [loop.create_future() for _ in range(3)]
    threads: list[threading.Thread] = []
    waiters[0].add_done_callback(lambda _: threads.append(threading.current_thread()))
    group = [entry(waiter, number) for number, waiter in enumerate(waiters)]
    await asyncio.to_thread(answer, group)
    assert await asyncio.gather(*waiters) == [0, 1, 2]
    assert threads == [threading.current_thread()]


async def test_whoever_gave_up_hears_nothing_and_the_others_do() -> None:
    loop = asyncio.get_running_loop()
    gone, there = loop.create_future(), loop.create_future()
    group = [entry(gone, 1), entry(there, 2)]
    gone.cancel()
    await asyncio.to_thread(answer, group)
    async with asyncio.timeout(scaled(10)):
        assert await there == 2
    assert gone.cancelled()


def test_a_loop_that_was_closed_keeps_nobody_else_from_an_answer() -> None:
    closed = asyncio.new_event_loop()
    gone: asyncio.Future[object] = closed.create_future()
    closed.close()
    there: Future[object] = Future()
    answer([entry(gone, 1), entry(there, 2)])
    assert there.result(0) == 2
