"""Whoever waits for an action hears of each commit about it, and of none that is about others."""

from receipts.journal.watch import Watches
from tests.slowness import scaled


async def test_what_is_committed_while_nobody_waits_is_not_missed() -> None:
    watches = Watches()
    with watches.watching("act_a") as watch:
        watches.wake(["act_a"])
        assert watch.event.is_set()
        await watch.change(scaled(5))
        assert not watch.event.is_set()


async def test_a_commit_about_another_action_wakes_nobody() -> None:
    watches = Watches()
    with watches.watching("act_a") as watch:
        watches.wake(["act_b"])
        assert not watch.event.is_set()
        watches.wake(None)  # of a replica that cannot say what changed
        assert watch.event.is_set()


async def test_two_that_wait_are_both_woken_and_leave_nothing_behind() -> None:
    watches = Watches()
    with watches.watching("act_a") as first, watches.watching("act_a") as second:
        watches.wake(["act_a"])
        assert first.event.is_set()
        assert second.event.is_set()
    assert watches._events == {}
