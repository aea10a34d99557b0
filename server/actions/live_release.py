"""The live release: one immutable set of contracts, policies and connections, and what works under it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.adapter import Adapter
from contracts.action.request import Caller
from policies.release import Release
from receipts.journal.journal import Journal
from server.actions.pipeline import Pipeline
from server.execution.decisions import Observe, unobserved
from server.execution.executor import ActionExecutor
from server.execution.fair_limiter import FairLimiter
from server.plans.runner import Plans


@dataclass(frozen=True, slots=True)
class LiveRelease:
    """An action keeps the one that it began with; `ActionRunner.live` is the one under which new actions begin."""

    release: Release
    executor: ActionExecutor
    pipeline: Pipeline
    plans: Plans

    @classmethod
    def of(
        cls,
        journal: Journal,
        release: Release,
        adapter: Adapter,
        current: Callable[[Caller], Awaitable[Caller | None]],
        limiter: FairLimiter,
        observe: Observe = unobserved,
    ) -> "LiveRelease":
        """Everything that works under a release. The limiter is the process's: releases share its order."""
        executor = ActionExecutor(journal, release, adapter, current, limiter, observe)
        return cls(release, executor, Pipeline(executor), Plans(executor))
