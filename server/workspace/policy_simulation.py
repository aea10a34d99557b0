"""The simulation over a workspace's receipts: pages of recorded decisions, decided again in several processes.

A page is read when a process is free for it, so that memory does not grow with the log.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policies.simulation import Simulation, SimulationTally
from receipts.statement.recorded_decisions import (
    RecordedDecision,
    count_of_decisions,
    count_without_evidence,
    decision_pages,
)
from server.workspace.policy_change import Side, sides_of
from server.workspace.release_package import ReleasePackage
from server.workspace.stores import reading
from server.workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW: Final = 4_000
"""Decisions below which further processes would take longer to start than they save."""
_AHEAD: Final = 2
"""Pages that wait for each process."""


@dataclass(frozen=True, slots=True)
class SimulatedRelease:
    """What came of a simulation; `without_evidence` are denials that keep nothing to decide again."""

    before: str
    after: str
    decisions: int
    without_evidence: int
    tally: SimulationTally


def simulate(
    workspace: Workspace,
    candidate: str | None,
    against: str | None,
    since_ms: int,
    step: Callable[[int, int], None] | None = None,
    processes: int = 0,
) -> SimulatedRelease:
    """Decide every recorded decision since then by both releases. `processes`: 0 is one for each core, where it pays.

    Raises `AilyusError`.
    """
    with sides_of(workspace, candidate, against) as (before, after), reading(workspace) as read:
        total = count_of_decisions(read, since_ms)
        # each process builds both releases first, which takes seconds
        wanted = processes or (1 if total < FEW else os.cpu_count() or 1)
        tally = SimulationTally()
        with _workers(workspace, before, after, wanted) as run:
            for some in run(decision_pages(read, since_ms)):
                tally.add(some)
                if step is not None:
                    step(tally.decided + tally.unfit + tally.unplaced, total)
        return SimulatedRelease(before.name, after.name, total, count_without_evidence(read, since_ms), tally)


Pages = Iterable["Sequence[RecordedDecision]"]
Run = Callable[[Pages], Iterator[SimulationTally]]


@contextmanager
def _workers(workspace: Workspace, before: Side, after: Side, processes: int) -> Iterator[Run]:
    if processes == 1:
        own = Simulation(before.release, after.release)
        yield lambda pages: (own.of(page) for page in pages)
        return
    first, second = (ReleasePackage.of(side.release, side.files).model_dump_json() for side in (before, after))
    # spawned and not forked: this process has threads, of the store and of Cedar
    context = multiprocessing.get_context("spawn")
    start = (str(workspace.root), first, second)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=start) as pool:
        yield lambda pages: _spread(pool, pages, processes * _AHEAD)


def _spread(pool: ProcessPoolExecutor, pages: Pages, most: int) -> Iterator[SimulationTally]:
    """Give out pages, and no more of them at once than so many."""
    waiting: set[Future[SimulationTally]] = set()
    for page in pages:
        waiting.add(pool.submit(_tally, page))
        # no page is read before a process is free: a million decisions do not fit into memory
        if len(waiting) >= most:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        yield from (one.result() for one in done)


_own: list[Simulation] = []
"""In a process of the pool: what decides there, built once."""


def _begin(root: str, before: str, after: str) -> None:
    workspace = Workspace.open(Path(root))
    first, second = (ReleasePackage.model_validate_json(text).built(workspace) for text in (before, after))
    _own.append(Simulation(first, second))


def _tally(page: "Sequence[RecordedDecision]") -> SimulationTally:
    return _own[0].of(page)
