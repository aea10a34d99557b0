"""One step of a plan: in its turn, decided again with real values, sent, read back.

- Before every step agent and approvers MUST still stand, and Cedar MUST permit it with real values (invariants 2, 3).
- A step that changed since it was approved, other than by the plan's own steps, MUST NOT be sent.
"""

import asyncio
from dataclasses import replace

from pydantic import JsonValue

from contracts.action.request import ActionRequest
from contracts.canonical import new_id
from contracts.compiler.plan_program import Unit
from contracts.errors import AilyusError
from policies.approval import count_by_role
from policies.decision import Denied, Permitted, Unavailable
from receipts.action.action import Action, PlanStep
from receipts.journal.intent import Busy, DecisionBasis, Stale
from server.execution.attempt import PendingEnd, PermittedAction, SentAttempt, interrupted_attempt
from server.execution.executor import ActionExecutor
from server.execution.patience import Patience, has_waited, observe_patiently
from server.execution.redecision import CountedBefore
from server.execution.undo import Compensation
from server.plans.commits import BUSY_PAUSE_SECONDS, TRIES, PlanCommits
from server.plans.drift import PlanWrites
from server.plans.run import Pause, Run
from server.plans.stop_reason import CANCELLED, LATE, StopReason
from server.plans.tally import StepEnd

RETRYABLE = frozenset({"store_unavailable", "store_corrupt", "clock_behind", "overloaded", "halted"})
"""Faults after which a step is tried again later; every other one ends it."""


class PlanSteps:
    """Takes single steps of plans through the path."""

    def __init__(self, executor: ActionExecutor, commits: PlanCommits, writes: PlanWrites) -> None:
        self._executor = executor
        self._commits = commits
        self._writes = writes

    async def take(self, run: Run, position: int) -> StepEnd | Pause:
        """One step to its end, which is committed with what comes next; `Pause`: it is halted, and begins again."""
        ends = self._executor.ends
        if fault := await self._lost_standing(run):
            denied = ends.deny(self._child(run, position, run.planned.steps[position]), Denied(fault), fault)
            run.finished[position] = replace(self._commits.keep(run, position, denied), final=True)
            return run.finished[position]
        request = self._request(run, position)
        if isinstance(request, Denied):
            return self._keep(
                run, position, ends.deny(self._child(run, position, run.planned.steps[position]), request)
            )
        action, tries = self._child(run, position, request), 0
        while tries < TRIES:
            tries += 1
            if halt := self._executor.journal.controls.halted(request):
                return Pause(halt.id, position)
            sent = await self._attempt(run, position, action)
            if isinstance(sent, PendingEnd):
                return self._keep(run, position, sent)
            if isinstance(sent, SentAttempt):
                return await self._see_through(run, position, sent)
            await self._commits.commit_pending(run)  # raises when somebody else holds the plan now
            if isinstance(sent, Busy):
                tries -= 1  # a wait is no try: it ends with the plan's time
                if stopped := await self._wait_for_room(run, sent):
                    return self._keep(run, position, ends.deny(action, Denied(stopped.sentence), "policy_changed"))
        return self._keep(run, position, ends.deny(action, Denied("it kept changing"), "policy_changed"))

    async def finish_open(self, run: Run, step: Action) -> None:
        """The step that was out when its process died: read back, as after a lost reply."""
        if step.step is None:
            raise AilyusError("store_corrupt", f"`{step.id}` is no step of a plan")
        intent = await self._executor.take_over(step)
        unit = run.planned.units[step.step.position]
        place = replace(step.step, fence=run.action.fence, size=len(run.planned.units), key=unit.key, wave=unit.wave)
        action = replace(step, fence=intent.fence, step=place, caller=run.action.caller)
        ended = await self._finish(run, interrupted_attempt(action, intent))
        if step.undoes:
            run.add(ended)
            run.undos[step.step.position] = replace(step, state="ended", status=ended.status)
        else:
            self._keep(run, step.step.position, ended)
        run.open = None
        await self._commits.commit_pending(run)

    async def stop_requested(self, run: Run) -> StopReason | None:
        """At a step's border: was the plan cancelled, or is it past its time?"""
        row = await self._executor.journal.get(run.action.id)
        if row is not None and row.is_cancel_requested:
            return CANCELLED
        late = self._executor.now() > run.progress.started_ms + run.planned.program.plan.not_after
        return LATE if late else None

    # -- one attempt ---------------------------------------------------------------------------------------------------

    async def _attempt(self, run: Run, position: int, action: Action) -> SentAttempt | PendingEnd | Busy | Stale:
        """Look, decide and send once, together with the ends of the steps before it."""
        basis = self._executor.basis
        await self._commits.acquire_slot(run, action.request)
        ready = await self._ready(run, position, action, basis)
        if isinstance(ready, PendingEnd):
            return ready
        try:
            sent = await self._executor.send(ready, run.pending)
        except AilyusError as error:
            if error.code in RETRYABLE:
                raise
            return self._executor.ends.deny(action, Denied(error.sentence), error.code)
        if isinstance(sent, Unavailable):
            patience = Patience(ready.resolved.target)  # a step before it may have to be undone else
            if await has_waited(sent) or await patience.bears(sent.outage):
                return Stale()
        if isinstance(sent, Denied):
            return self._executor.ends.deny(action, sent)
        return sent

    async def _see_through(self, run: Run, position: int, sent: SentAttempt) -> StepEnd | Pause:
        self._commits.mark_committed(run, used=True)
        finished = self._keep(run, position, await self._finish(run, sent))
        unsent = sent.execution.delivery == "not_sent" and finished.status == "not_applied"
        if unsent and (halt := self._executor.journal.controls.halted(sent.action.request)):
            return Pause(halt.id, position)
        return finished

    async def _finish(self, run: Run, sent: SentAttempt) -> PendingEnd:
        executor, approved = self._executor, run.approved
        redecision = CountedBefore(executor.decisions, approved)
        return await executor.finish(sent, redecision, Compensation(executor, approved))

    async def _ready(
        self, run: Run, position: int, action: Action, basis: DecisionBasis
    ) -> PermittedAction | PendingEnd:
        """Look, decide, and compare with what was approved; changes by the plan's own steps are no drift."""
        executor, ends = self._executor, self._executor.ends
        resolved = executor.resolve(action)
        if isinstance(resolved, Denied):
            return ends.deny(action, resolved)
        if full := await executor.decisions.denied_by_budget(resolved):
            return ends.deny(resolved.action, full)
        before = await observe_patiently(executor.observe, resolved.permit, resolved.target)
        resolved = resolved.told(before, executor.release)
        action = resolved.action
        decision = await executor.decisions.decide(resolved, before, run.approved)
        if isinstance(decision, Denied):
            return ends.deny(action, decision)
        if not isinstance(decision, Permitted):
            return ends.deny(action, Denied("other approvals are needed now", decision.record), "need_missing")
        pins = run.progress.pinned.get(run.planned.units[position].key, {})
        if drifted := self._writes.drift(pins, run.touched, resolved, before, decision.facts):
            return ends.deny(action, Denied(f"`{drifted}` changed since it was approved"), "state_changed")
        unsent = ends.end_without_sending(resolved, before, decision.facts, decision.record)
        if unsent is not None:
            return unsent
        return PermittedAction(resolved, before, decision, tuple(run.approvals), basis)

    async def _wait_for_room(self, run: Run, busy: Busy) -> StopReason | None:
        """The connection or the resource takes no more just now: wait, as long as the plan may."""
        while True:
            await asyncio.sleep(BUSY_PAUSE_SECONDS)
            if stopped := await self.stop_requested(run):
                return stopped
            if await self._executor.journal.has_room(busy.commit):
                return None

    # -- who it is for, and what it is ---------------------------------------------------------------------------------

    async def _lost_standing(self, run: Run) -> str | None:
        """INVARIANT: before every step the agent is still registered, and every approver's key still linked."""
        journal = self._executor.journal
        caller = await self._executor.current(run.action.caller)
        if caller is None:
            return "other_requester"
        run.action = replace(run.action, caller=caller)
        if not run.progress.roles:
            return None
        keys, given = await journal.registry.keys(), await journal.approvals(run.action.id)
        linked = all((key := keys.get(a.keyid)) is not None and not key.revoked for a in given)
        roles, _ = count_by_role(given, self._executor.now())
        # INVARIANT: a plan's row does not say who approved it; the signed statements do
        counted = all(roles.get(role, 0) >= number for role, number in run.progress.roles.items())
        return None if linked and counted else "unlinked_key"

    def _request(self, run: Run, position: int) -> ActionRequest | Denied:
        """The step's request with what earlier steps gave."""
        unit, request = run.planned.units[position], run.planned.steps[position]
        if not unit.late:
            return request
        values = _values(run, unit)
        if isinstance(values, Denied):
            return values
        try:
            return self._executor.release.calls.filled(request, values, run.action.caller)
        except AilyusError as error:
            return Denied(error.sentence)

    def _child(self, run: Run, position: int, request: ActionRequest) -> Action:
        unit, size = run.planned.units[position], len(run.planned.units)
        digest = run.action.request.action_digest
        step = PlanStep(run.action.id, run.action.fence, position, size, unit.key, unit.wave, digest)
        now = self._executor.now()
        return Action(new_id("act"), request, run.action.caller, created_ms=now, first=True, step=step)

    def _keep(self, run: Run, position: int, ended: PendingEnd) -> StepEnd:
        finished = self._commits.keep(run, position, ended)
        if finished.confirmed and not ended.unsent:
            run.touched |= self._writes.reads_after(ended.action.request, ended.after)
        return finished


def _values(run: Run, unit: Unit) -> dict[str, JsonValue] | Denied:
    """What earlier steps gave for the inputs that arrive late."""
    values: dict[str, JsonValue] = {}
    for name, (key, output) in unit.late.items():
        maker = next((f for f in run.finished.values() if f.key == key), None)
        if maker is None or output not in maker.outputs:
            return Denied(f"the step `{key}` gave no `{output}`")
        values[name] = maker.outputs[output]
    return values
