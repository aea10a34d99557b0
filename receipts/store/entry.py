"""An entry of the writer's queue: its work, what came of it, and who waits for that."""

import asyncio
import contextlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from receipts.store.transaction import Work

T = TypeVar("T")


@dataclass(slots=True)
class Entry(Generic[T]):
    """One unit of work, the actions that it changes, and who waits for it: `loop` is set when a coroutine does.

    A `quiet` one only tries whether the store is written: nothing that anybody asks for is another after it.
    """

    work: Work[T]
    waiter: "Future[T] | asyncio.Future[T]"
    loop: asyncio.AbstractEventLoop | None = None
    ids: tuple[str, ...] = ()
    quiet: bool = False
    result: T | None = None
    fault: BaseException | None = None

    def answer(self) -> None:
        """Tell the waiter, if it still waits."""
        # whoever gave up hears nothing; what it asked for is done all the same
        if self.waiter.cancelled():
            return
        if self.fault is not None:
            self.waiter.set_exception(self.fault)
        else:
            self.waiter.set_result(cast(T, self.result))


def is_quiet(group: Sequence[Entry[object]]) -> bool:
    """Does a group change nothing that anybody asks for?"""
    return all(entry.quiet for entry in group)


def answer_all(group: Sequence[Entry[object]], fault: Exception) -> None:
    """Every entry of a group failed so."""
    for entry in group:
        entry.fault = fault
    answer(group)


def answer(group: Sequence[Entry[object]]) -> None:
    """One wake-up for each loop, however many of its coroutines wait."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Entry[object]]] = {}
    for entry in group:
        if entry.loop is None:
            entry.answer()
        else:
            by_loop.setdefault(entry.loop, []).append(entry)
    for loop, entries in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_answer_here, entries)


def _answer_here(entries: Sequence[Entry[object]]) -> None:
    for entry in entries:
        entry.answer()
