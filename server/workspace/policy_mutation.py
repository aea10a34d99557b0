"""The mutation score of a set of policies, in several processes and within a time."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Final

from policies.case import load_tests
from policies.mutation import Mutant, MutantNames, mutants_of
from policies.mutation_score import MutationScore, MutationTrial
from server.workspace.policy_set import PolicySet, policy_set_of

FEW: Final = 100
"""Mistakes below which further processes would take longer to start than they save."""
_BATCH: Final = 8
_AHEAD: Final = 2
"""Batches that wait for each process."""


def mutation_score(
    root: Path | None,
    seconds: float,
    processes: int = 0,
    step: Callable[[int, int], None] | None = None,
) -> MutationScore:
    """Try every mistake in the policies of a workspace's folder, or in the bundled ones, until the time is over.

    Their tests pass. `processes`: 0 is one for each core, where it pays. Raises `AilyusError`.
    """
    until = time.monotonic() + seconds
    policies = policy_set_of(root)
    bundle = policies.decider.bundle
    mutants = list(mutants_of(bundle.policy_texts, MutantNames.of(bundle.roles, bundle.environments)))
    batches = [mutants[at : at + _BATCH] for at in range(0, len(mutants), _BATCH)]
    count = processes or (1 if len(mutants) < FEW else os.cpu_count() or 1)
    score = MutationScore()
    for some in _run(root, policies, batches, count, until):
        score.add(some)
        if step is not None:
            step(score.tried + score.refused, len(mutants))
    # what there was no time for is told, and counts against the score
    score.untried = len(mutants) - score.tried - score.refused
    return score


def _run(
    root: Path | None, policies: PolicySet, batches: Sequence[Sequence[Mutant]], processes: int, until: float
) -> Iterator[MutationScore]:
    if processes == 1:
        trial = _trial(policies)
        for batch in batches:
            if time.monotonic() > until:
                return
            yield trial.of(batch)
        return
    # spawned and not forked: this process has threads of Cedar
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(root,)) as pool:
        waiting: set[Future[MutationScore]] = set()
        for batch in batches:
            if time.monotonic() > until:
                break
            waiting.add(pool.submit(_tally, batch))
            # few are given out ahead, so that little is left to do when the time is over
            if len(waiting) >= processes * _AHEAD:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        yield from (one.result() for one in waiting)


def _trial(policies: PolicySet) -> MutationTrial:
    cases = [case for _, case in load_tests(policies.folder)]
    return MutationTrial(policies.decider, policies.programs, cases)


_own: list[MutationTrial] = []
"""In a process of the pool: what tries there, built once."""


def _begin(root: Path | None) -> None:
    _own.append(_trial(policy_set_of(root)))


def _tally(batch: Sequence[Mutant]) -> MutationScore:
    return _own[0].of(batch)
