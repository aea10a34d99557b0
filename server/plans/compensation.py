"""The undo of a plan that failed: its steps in reverse, as far as they are ours, as we left them, and not kept."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from receipts.action.action import Action, PlanStep
from receipts.journal.intent import Busy
from server.execution.attempt import PendingEnd
from server.execution.executor import ActionExecutor
from server.execution.undo import Compensation, CompletedAction, NotCompensated
from server.plans.commits import BUSY_PAUSE_SECONDS, TRIES, PlanCommits
from server.plans.drift import PlanWrites
from server.plans.run import Pause, Run
from server.plans.tally import StepEnd


class PlanCompensation:
    """Undoes the steps of plans."""

    def __init__(self, executor: ActionExecutor, commits: PlanCommits, writes: PlanWrites) -> None:
        self._executor = executor
        self._commits = commits
        self._writes = writes

    async def undo(self, run: Run, *, only_wave: bool) -> Pause | None:
        """In reverse order; what cannot be undone stays, with the reason. `Pause`: an undo is halted."""
        units = run.planned.units
        held: dict[str, tuple[StepEnd, str]] = {}
        last = max((units[p].wave for p in run.finished), default=0)
        for position in sorted(run.finished, reverse=True):
            unit = units[position]
            finished = await self._undo_step(run, position, held, only_wave and unit.wave != last)
            if isinstance(finished, Pause):
                return finished
            run.finished[position] = finished
            if not finished.undone and (finished.confirmed or finished.doubtful):
                held |= {key: (finished, why) for key, why in run.planned.program.holds(unit).items()}
        return None

    async def _undo_step(
        self, run: Run, position: int, held: Mapping[str, tuple[StepEnd, str]], stays: bool
    ) -> StepEnd | Pause:
        """One step of it, after all that came later; `held` is what those that stay hold on to."""
        finished = run.finished[position]
        undone = run.undos.get(position)
        if undone is not None and undone.state == "ended" and undone.status == "confirmed":
            return replace(finished, undone=True)
        if not (finished.confirmed and finished.changed) or stays:
            return finished
        # INVARIANT: what a later step took, and keeps or may keep, is never taken away from it
        # guard: two valid keys beat none, what a later step keeps
        if (held_by := held.get(run.planned.units[position].key)) is not None:
            holder, why = held_by
            kept = "a later step in doubt may use it" if holder.doubtful else why
            return replace(finished, kept=kept, held_by=holder.key)
        return await self._take_back(run, position, finished)

    async def _take_back(self, run: Run, position: int, finished: StepEnd) -> StepEnd | Pause:
        journal = self._executor.journal
        if any(ended.action.id == finished.action_id for ended in run.ended):
            await self._commits.commit_pending(run)  # it is read from its row
        action = await journal.get(finished.action_id)
        left = await journal.state_after(finished.action_id)
        before = await journal.state_before(finished.action_id)
        # guard: undo only what is ours
        if action is None or left is None or before is None or not await journal.is_ours(finished.action_id):
            return replace(finished, kept="it is not certain that the change is ours")
        action = replace(action, caller=run.action.caller)
        await self._commits.acquire_slot(run, action.request)
        own = self._writes.expected_reads(action.request, run.touched)
        taken = await self._compensate(run, position, CompletedAction(action, before, finished.outputs, left, own))
        if isinstance(taken, NotCompensated):
            return Pause(taken.halted, None) if taken.halted else replace(finished, kept=taken.reason)
        if not taken.unsent:
            self._commits.mark_committed(run)
        run.add(taken)
        run.touched |= self._writes.reads_after(taken.action.request, taken.after)
        if taken.status == "confirmed":
            return replace(finished, undone=True)
        return replace(finished, kept=f"its undo ended {taken.status}")

    async def _compensate(self, run: Run, position: int, done: CompletedAction) -> PendingEnd | NotCompensated:
        undo, step = Compensation(self._executor, run.approved), _undo_step(run.action, run, position)
        for _ in range(TRIES):
            taken = await undo.take_back(done, step, run.pending)
            if not isinstance(taken, Busy):
                return taken
            await asyncio.sleep(BUSY_PAUSE_SECONDS)
        return NotCompensated("the connection stayed busy")


def _undo_step(plan: Action, run: Run, position: int) -> PlanStep:
    unit = run.planned.units[position]
    size, digest = len(run.planned.units), plan.request.action_digest
    return PlanStep(plan.id, plan.fence, position, size, f"undo {unit.key}", unit.wave, digest)
