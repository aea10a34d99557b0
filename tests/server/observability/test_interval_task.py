"""Something that is done again and again, and no more once it was stopped."""

import asyncio

from server.observability.interval_task import IntervalTask
from tests.until import until


async def test_the_work_is_done_again_and_again_until_it_is_stopped() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(len(done))

    turns = IntervalTask(0.001, work)
    turns.start()
    assert done == []  # the first time after an interval
    await until(lambda: len(done) > 3)
    await turns.stop()
    count = len(done)
    await asyncio.sleep(0.01)
    assert len(done) == count


async def test_what_was_never_started_is_stopped() -> None:
    await IntervalTask(1.0, asyncio.Event().wait).stop()  # type: ignore[arg-type]  # it is never done
