"""The read-back: the source of truth is read until it shows what was expected, or until not to show it proves it.

The settle time of a contract says how long a read that shows no effect proves nothing. It counts from the complete
answer, or from the deadline where none came: until then the request may still be on its way. A look that was not taken
says nothing: where the last one could not be, another is tried for some seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from contracts.action.dispatch import ReadPermit
from contracts.action.observation import Observation
from contracts.action.target import Target
from contracts.compiler.job_program import JobProgram
from contracts.compiler.program import Program
from contracts.compiler.read_program import FlowRead
from receipts.journal.journal import Journal
from receipts.reconciliation.reconciliation import reconcile
from receipts.reconciliation.scope import scope_of
from server.execution.attempt import SentAttempt
from server.execution.job_look import look_with_job
from server.execution.patience import Patience, outage_of
from server.execution.resolved_action import base_scope

READ_SECONDS = 10.0
FLOW_READ_SECONDS = 30.0
"""A read by pages signs in, loads and waits for elements: it gets three times as long as one by an API."""
_FINAL = frozenset({"refused", "declined", "no_effect", "stopped"})
"""Deliveries after which nothing more can arrive: one look is enough."""


class ReadBack:
    """Reads back what was sent."""

    def __init__(self, journal: Journal, observe: Callable[[ReadPermit], Awaitable[Observation]]) -> None:
        self._journal = journal
        self._observe = observe

    async def settled(self, sent: SentAttempt, program: Program, target: Target | None) -> Observation:
        """The look that counts: one that shows what was expected, or the first after the settle time."""
        execution, intent = sent.execution, sent.intent
        if execution.delivery == "not_sent":
            return sent.before
        start = execution.ended_ms if execution.response is not None else intent.deadline_ms
        end = start + intent.settle_ms
        if target is None or target.digest != intent.target_digest:
            other = "the connection is not the one that was written to"
            return Observation({}, self._now(), "same_channel", fault=other)
        final = execution.delivery in _FINAL or (execution.delivery == "rejected" and target.direct)
        base = base_scope(program, sent.action.request, target)
        # 50 ms finds what an API wrote before it answered; a second is often enough for what lags behind
        patience = Patience(target)
        pause, seconds = 0.05, FLOW_READ_SECONDS if _by_pages(program) else READ_SECONDS
        while True:
            # asked before the look: only a look that began after the settle time proves that nothing is there
            late = self._now() >= end
            permit = self._journal.may_observe(intent, sent.action, seconds)
            after = await look_with_job(self._observe, permit, program, base, sent.before, execution)
            if late or final or _is_settled(sent, program, base, after):
                if not await patience.bears(outage_of(after)):
                    return after
                continue
            pause = _job_pause(program.job, after) if program.job is not None else pause
            await asyncio.sleep(max(0.0, min(pause, (end - self._now()) / 1000)))
            pause = min(pause * 2, 1.0)

    def _now(self) -> int:
        return self._journal.store.now_ms()


def _by_pages(program: Program) -> bool:
    return any(isinstance(read, FlowRead) for read in program.reads)


def _is_settled(sent: SentAttempt, program: Program, base: Mapping[str, object], after: Observation) -> bool:
    """Does the look show what was expected, or that the job has ended?"""
    if program.job is None:
        return reconcile(program, base, sent.before, sent.execution, after).verdict == "confirmed"
    scope = scope_of(program, base, sent.before, after, sent.execution)
    return program.job.state(scope) in ("done", "failed")


def _job_pause(job: JobProgram, after: Observation) -> float:
    """How long to wait before a job is asked for again, in seconds: as declared, and as the target asks."""
    return max(job.every_ms, *(reading.retry_after_ms or 0 for reading in after.readings.values()), 0) / 1000
