"""Plans: several actions, one outcome. Decided whole, approved once, carried out step by step, undone in reverse.

`Plans.perform` looks at every step (`Preflight`), asks people once, and takes each step through the path (`PlanSteps`);
`recover` goes on with a plan whose process died. Everything that a new process needs stands in the journal: the plan's
row (`Progress`) and the rows of its steps. `ActionRunner` calls it for a new plan, `RecoveryLoop` after an approval, a
halt or a crash, `Recheck` when a step in doubt is known. `PlanCompletion` ends it. It does not say what a step does:
that is its contract.

- Before every step agent and approvers MUST still stand, and Cedar MUST permit it with real values (invariants 2, 3).
- A step that changed since it was approved, other than by the plan's own steps, MUST NOT be sent.
- The end of a step MUST be committed with the next intent or the plan's own end, at the latest.
- Between the waves of a list, health that the plan declares MUST NOT have become worse or unreadable.
- An undo MUST take back only what is ours and still as we left it (invariant 7).
"""

import asyncio
from dataclasses import replace

from contracts.action.observation import Observation
from contracts.compiler.plan_program import Unit
from contracts.errors import AilyusError
from policies.approval import SignedApproval
from policies.decision import Denied, Unavailable
from policies.plan_parser import PlanRequest
from receipts.action.action import Action
from receipts.action.action_form import pack_observation
from receipts.action.action_result import ActionResult
from receipts.journal.halt import Halt
from server.execution.approval_request import ApprovalReview, valid_approvals
from server.execution.decisions import NO_APPROVALS, ApprovalCount
from server.execution.evidence import kept_health
from server.execution.executor import ActionExecutor
from server.execution.patience import ApprovalPatience, keeps_approval, left_approved
from server.plans import plan_results
from server.plans.commits import PlanCommits
from server.plans.compensation import PlanCompensation
from server.plans.completion import PlanCompletion, PlanVerdict
from server.plans.drift import PlanWrites
from server.plans.health import PlanHealth
from server.plans.plan_requests import PlanRequests, remains
from server.plans.plan_review import PlanReviews
from server.plans.preflight import PlanPreflight, Preflight
from server.plans.progress import Progress
from server.plans.run import Pause, Run
from server.plans.steps import PlanSteps
from server.plans.stop_reason import ABANDONED, LOST, StopReason
from server.plans.tally import StepEnd
from server.results import answers


class Plans:
    """Carries plans through under one live release."""

    def __init__(self, executor: ActionExecutor) -> None:
        self._executor = executor
        self._requests = PlanRequests(executor.release)
        self._preflight = Preflight(executor)
        self._reviews = PlanReviews(executor)
        self._writes = PlanWrites(executor.release, executor.journal.hiding)
        self._commits = PlanCommits(executor)
        self._health = PlanHealth(executor)
        self._steps = PlanSteps(executor, self._commits, self._writes)
        undo = PlanCompensation(executor, self._commits, self._writes)
        self._completion = PlanCompletion(executor, self._commits, self._health, undo)

    # -- the ways in ---------------------------------------------------------------------------------------------------

    async def perform(self, action: Action) -> ActionResult:
        """A plan that is new, that people have approved, or that was paused."""
        executor = self._executor
        caller = action.caller if action.state == "new" else await executor.current(action.caller)
        planned = await asyncio.to_thread(self._requests.unfold, action)
        if action.sent_ms and isinstance(planned, PlanRequest):
            return await self._resume(replace(action, caller=caller or action.caller), planned)
        if action.sent_ms:
            return await self.abandon(action)
        if caller is None or isinstance(planned, Denied):
            gone = planned if isinstance(planned, Denied) else Denied("the agent is not registered any more")
            return await executor.deny(action, gone, "policy_changed" if caller else None)
        action = replace(action, caller=caller)
        if action.state == "new" and (halt := self._halt(planned)):
            return await executor.deny(action, Denied(answers.halt_line(halt)), answers.halt_code(halt))
        looked = await self._looked(action, planned)
        if isinstance(looked, Unavailable) and await keeps_approval(executor.journal, executor.release, action, looked):
            return left_approved(action, looked)
        if isinstance(looked, Denied):
            return await executor.deny(action, looked)
        action = looked.told(action)
        if action.caller.observe_only or action.preview:
            return await self._reviews.preview(action, looked)
        approvals: tuple[SignedApproval, ...] = ()
        approved = NO_APPROVALS
        if looked.needs:
            if action.state == "new":
                return await self._reviews.ask(action, looked)
            review = self._reviews.review(action, looked)
            valid = await valid_approvals(executor.release, executor.journal, action, review)
            if valid.void or not review.permits(executor.release, caller, valid.count):
                code = valid.void or "need_missing"
                return await executor.deny(action, Denied(code), code)
            approvals, approved = valid.approvals, valid.count
        return await self._begin(action, looked, approvals, approved)

    async def _looked(self, action: Action, planned: PlanRequest) -> PlanPreflight | Denied:
        """One look at all of it; where people have approved it and a system does not answer, further ones."""
        patience = ApprovalPatience()
        while True:
            looked = await self._preflight.look(action, planned)
            if not isinstance(looked, Unavailable):
                return looked
            if not await keeps_approval(self._executor.journal, self._executor.release, action, looked):
                return looked
            if not await patience.bears():
                return looked

    async def _begin(
        self, action: Action, looked: PlanPreflight, approvals: tuple[SignedApproval, ...], approved: ApprovalCount
    ) -> ActionResult:
        """The first commit of the plan comes with the intent of its first step."""
        executor, planned = self._executor, looked.planned
        health = await self._health.read(planned)
        recorded = kept_health(planned.program, health, executor.journal.hiding) if health else None
        progress = Progress(
            roles=dict(approved.roles),
            oldest_seconds=approved.oldest_seconds,
            pinned=looked.pins if approvals else {},
            left_out=looked.left_out,
            unmet=looked.unmet,
            health=pack_observation(recorded).decode() if recorded else None,
            started_ms=executor.now(),
        )
        run = Run(replace(action, fence=action.fence + 1), planned, progress, list(approvals))
        said = plan_results.running(run.action, run.tally, None)
        run.pending = [self._commits.rows.beginning(action, progress.packed, said)]
        return await self._execute(run, health)

    async def recover(self, action: Action) -> ActionResult:
        """A plan whose process died: finish the step that was out, then go on."""
        planned = await asyncio.to_thread(self._requests.unfold, action)
        if isinstance(planned, Denied):
            return await self.abandon(action)
        fence = await self._commits.rows.take_plan(action)
        action = replace(action, fence=fence, caller=await self._executor.current(action.caller) or action.caller)
        run = await self._load_run(action, planned)
        return await self._execute(run, run.health)

    async def _resume(self, action: Action, planned: PlanRequest) -> ActionResult:
        run = await self._load_run(replace(action, fence=action.fence + 1), planned)
        said = plan_results.running(run.action, run.tally, None)
        run.pending = [self._commits.rows.beginning(action, run.progress.packed, said)]
        return await self._execute(run, run.health)

    async def abandon(self, action: Action) -> ActionResult:
        """A plan that is none of the live release's any more, or whose progress a loss has hidden.

        What is done stays, is named, and a person is told.
        """
        if action.state == "running":
            action = replace(action, fence=await self._commits.rows.take_plan(action))
        made = [s for s in await self._executor.journal.steps(action.id) if s.step is not None]
        run = await self._load_run(action, remains(action, made))
        if action.state == "ready":
            run.action = replace(action, fence=action.fence + 1)
            said = action.result or answers.running(action.id, None)
            run.pending = [self._commits.rows.beginning(action, action.plan or b"{}", said)]
        if run.open is not None:
            await self._steps.finish_open(run, run.open)
        if self._executor.journal.is_unsendable(action):
            return await self._completion.close(run, PlanVerdict("unknown", LOST))
        return await self._completion.close(run, PlanVerdict(run.tally.status(ABANDONED), ABANDONED))

    # -- looking at one that is there ----------------------------------------------------------------------------------

    async def looked_again(self, action: Action) -> ApprovalReview:
        """A waiting plan as it is now, for whoever is about to sign; raises with the code of what changed."""
        planned = await asyncio.to_thread(self._requests.unfold, action)
        if isinstance(planned, Denied):
            raise AilyusError("policy_changed", "the plan is not the one that was asked about")
        looked = await self._preflight.look(action, planned)
        if isinstance(looked, Denied):
            if isinstance(looked, Unavailable):
                raise AilyusError("unavailable", looked.reason, hint="look again when the system answers")
            raise AilyusError("state_changed", f"a step is no longer permitted: {looked.reason}")
        if not looked.needs:
            raise AilyusError("policy_changed", "the policies no longer ask for this approval")
        return self._reviews.review(action, looked)

    async def progress(self, action: Action) -> ActionResult:
        """How far a running plan is."""
        planned = self._requests.unfold(action)
        if isinstance(planned, Denied):
            return answers.running(action.id, None)
        run = await self._load_run(action, planned, with_writes=False)
        if action.state == "ready" and (halt := self.halt_of(action)):
            return plan_results.halted(action, run.tally, halt, run.until_ms(self._executor.now()))
        current = planned.units[run.open.step.position].key if run.open and run.open.step else None
        return plan_results.running(action, run.tally, current)

    async def waves(self, action: Action) -> dict[str, int]:
        """The wave of each step, as the live release unfolds the plan; empty where it is none of its plans any more."""
        planned = await asyncio.to_thread(self._requests.unfold, action)
        return {} if isinstance(planned, Denied) else {unit.key: unit.wave for unit in planned.units}

    async def look_again(self, plan_id: str) -> str:
        """The status of a plan that ended `unknown`, now that more may be known of its steps."""
        action = await self._executor.journal.get(plan_id)
        if action is None or action.state != "ended" or action.status != "unknown":
            return action.status if action else "unknown"
        planned = await asyncio.to_thread(self._requests.unfold, action)
        if isinstance(planned, Denied):  # what would have come after its steps is not known any more
            return action.status
        return await self._completion.restate(await self._load_run(action, planned, with_writes=False))

    async def is_readable(self, action: Action) -> bool:
        """Are the contracts of its steps still there? Without them nothing can be read back, and it stays open."""
        steps = await self._executor.journal.steps(action.id)
        names = {step.request.contract for step in steps if step.state == "running"}
        return names <= set(self._executor.release.catalog.programs)

    def is_halted(self, action: Action) -> bool:
        """Does the halt that paused the plan still hold?"""
        return self._paused_by(action) is not None

    def halt_of(self, action: Action) -> Halt | None:
        """The halt that a paused plan waits for, or that its next step will meet."""
        if paused := self._paused_by(action):
            return paused
        planned = self._requests.unfold(action)
        return self._halt(planned) if isinstance(planned, PlanRequest) else None

    def _paused_by(self, action: Action) -> Halt | None:
        known = Progress.unpacked(action.plan).halt
        return next((h for h in self._executor.journal.controls.halts if h.id == known), None)

    def _halt(self, planned: PlanRequest) -> Halt | None:
        halted = self._executor.journal.controls.halted
        return next((halt for step in planned.steps if (halt := halted(step))), None)

    # -- one run -------------------------------------------------------------------------------------------------------

    async def _load_run(self, action: Action, planned: PlanRequest, *, with_writes: bool = True) -> Run:
        """A run from its rows; `with_writes`: with what its steps left behind."""
        progress, journal = Progress.unpacked(action.plan), self._executor.journal
        run = Run(action, planned, progress, [])
        for step in await journal.steps(action.id):
            if step.step is None:
                continue
            position = step.step.position
            if step.state == "running":
                run.open = step
            elif step.undoes:
                run.undos[position] = step
            else:
                run.finished[position] = StepEnd.of(planned.units[position].key, step)
                if with_writes and step.status == "confirmed":
                    run.touched |= self._writes.reads_after(step.request, await journal.state_after(step.id))
        at = progress.paused_at
        if at is not None and at in run.finished and not run.finished[at].confirmed:
            del run.finished[at]  # the halt came before its first byte: it begins again
        return run

    async def _execute(self, run: Run, health: Observation | None) -> ActionResult:
        journal, limiter = self._executor.journal, self._executor.limiter
        journal.gate.track_plan(run.action.id, run.action.fence)
        try:
            ended = await self._run_steps(run, health)
            return await self._completion.pause(run, ended) if isinstance(ended, Pause) else ended
        finally:
            journal.gate.track_plan(run.action.id, None)
            for held in (*run.former, *([run.place] if run.place else [])):
                limiter.release(held)

    async def _run_steps(self, run: Run, health: Observation | None) -> ActionResult | Pause:
        if run.open is not None:
            await self._steps.finish_open(run, run.open)
        former: Unit | None = None
        left: set[str] = set()  # items of lists that ended early, while the others go on
        for position, unit in enumerate(run.planned.units):
            if unit.key in run.progress.left_out or (unit.group in left and position not in run.finished):
                continue
            finished = run.finished.get(position)
            if finished is None:
                if stopped := run.stopped:
                    return await self._completion.fail(run, stopped)
                if stopped := await self._stopped_before(run, unit, former, health):
                    return await self._completion.stop(run, stopped)
                taken = await self._steps.take(run, position)
                if isinstance(taken, Pause):
                    return taken
                finished = taken
            former = unit
            if not finished.confirmed and not _goes_on(run, unit, finished, left):
                return await self._completion.fail(run, StopReason(f"the step {unit.key} ended {finished.status}"))
        if stopped := run.stopped:
            return await self._completion.fail(run, stopped)
        return await self._completion.complete(run, health)

    async def _stopped_before(
        self, run: Run, unit: Unit, former: Unit | None, health: Observation | None
    ) -> StopReason | None:
        """At the border before a step: did the health get worse with the wave before, was it cancelled, is it late?"""
        begins_wave = former is not None and unit.wave != former.wave
        if former and begins_wave and await self._health.is_worse(run, health, unit.block == former.block):
            return StopReason(f"the health got worse in wave {former.wave}")
        return await self._steps.stop_requested(run)


def _goes_on(run: Run, unit: Unit, finished: StepEnd, left: set[str]) -> bool:
    """Does the plan go on although this step was not confirmed? Only where it is certain that nothing changed."""
    if unit.optional and finished.status == "not_applied":
        return True
    fits = run.planned.program.plan.on_failure == "continue" and finished.status in ("not_applied", "denied")
    alone = bool(unit.item) and not finished.final and (fits or (unit.skip_unmet and finished.unmet))
    if alone:
        left.add(unit.group)
    return alone
