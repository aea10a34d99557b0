"""Plans: several actions, one outcome. Decided whole, approved once, carried out step by step, undone in reverse.

`Plans.perform` looks at every step, asks people once, and takes each step through `ActionExecutor.send` and `finish`;
`recover` goes on with a plan whose process died. Everything that a new process needs stands in the journal: the plan's
row (`Progress`) and the rows of its steps. `Pipeline` calls it for a new plan, `RecoveryLoop` after an approval, a halt
or a crash, `SecondLook` when a step in doubt is known. It does not say what a step does: that is its contract.

- Before every step agent and approvers MUST still stand, and Cedar MUST permit it with real values (invariants 2, 3).
- A step that changed since it was approved, other than by the plan's own steps, MUST NOT be sent.
- The end of a step MUST be committed with the next intent or the plan's own end, at the latest.
- Between the waves of a list, health that the plan declares MUST NOT have become worse or unreadable.
- An undo MUST take back only what is ours and still as we left it (invariant 7).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from pydantic import JsonValue

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.canonical import new_id
from contracts.compiler.inputs import InputSchema
from contracts.compiler.plan_program import PlanProgram, Unit
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.schema.plan import Plan, Step
from policies.approval import SignedApproval, count
from policies.decision import Denied, Permitted, Unavailable
from policies.plan_parser import PlanRequest
from receipts.action.action import Action, PlanStep
from receipts.action.action_form import pack_observation
from receipts.action.action_result import ActionResult
from receipts.journal.halt import Halt
from receipts.journal.intent import Busy
from receipts.reconciliation.scope import hide_compared
from receipts.store.transaction import Conflict
from server.execution.approval_request import ApprovalReview, counted
from server.execution.attempt import Again, PendingEnd, PermittedAction, SentAttempt, died
from server.execution.evidence import kept_health
from server.execution.executor import ActionExecutor
from server.execution.undo import Compensation
from server.plans import plan_answers
from server.plans.completion import TRIES, Paused, PlanEnd
from server.plans.plan_answers import Finished
from server.plans.progress import Progress
from server.plans.run import Run
from server.plans.stop_reason import ABANDONED, CANCELLED, LATE, StopReason
from server.results import answers

_NOTHING: dict[str, JsonValue] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
LATER = frozenset({"store_unavailable", "store_corrupt", "clock_behind", "overloaded", "halted"})
"""Faults after which a step is tried again later; every other one ends it."""
BUSY_SECONDS = 0.05
MAX_UNFOLDED = 64
"""Plans that are kept unfolded."""


class Plans(PlanEnd):
    """Carries plans through for one live release."""

    def __init__(self, steps: ActionExecutor) -> None:
        super().__init__(steps)
        self._unfolded: dict[str, PlanRequest] = {}

    async def perform(self, action: Action) -> ActionResult:
        """A plan that is new, that people have approved, or that was paused."""
        steps, journal = self._steps, self._steps.journal
        caller = action.caller if action.state == "new" else await steps.current(action.caller)
        planned = await asyncio.to_thread(self._planned, action)
        if action.sent_ms and isinstance(planned, PlanRequest):
            return await self._resume(replace(action, caller=caller or action.caller), planned)
        if action.sent_ms:
            return await self.abandon(action)
        if caller is None or isinstance(planned, Denied):
            gone = planned if isinstance(planned, Denied) else Denied("the agent is not registered any more")
            return await self._steps.end(steps.denied(action, gone, "policy_changed" if caller else None))
        action = replace(action, caller=caller)
        if action.state == "new" and (halt := self._halt(planned)):
            stopped = Denied(answers.halt_line(halt))
            return await self._steps.end(steps.denied(action, stopped, answers.halt_code(halt)))
        looked = await self.looks.look(action, planned)
        if isinstance(looked, Denied):
            return await self._steps.end(steps.denied(action, looked))
        if action.caller.observe_only or action.preview:
            return await self.looks.preview(action, looked)
        approvals: tuple[SignedApproval, ...] = ()
        roles: Mapping[str, int] = {}
        oldest = 0
        if looked.needs:
            if action.state == "new":
                return await self.looks.ask(action, looked)
            weighed = self.looks.weighed(action, looked)
            known = await counted(steps.release, journal, action, weighed)
            if known.void or not weighed.permits(steps.release, caller, known.roles, known.oldest_seconds):
                code = known.void or "need_missing"
                return await self._steps.end(steps.denied(action, Denied(code), code))
            approvals, roles, oldest = known.approvals, known.roles, known.oldest_seconds
        health = await self._health(action, planned)
        progress = Progress(
            roles=dict(roles),
            oldest_seconds=oldest,
            pinned=looked.pins if approvals else {},
            left_out=looked.left_out,
            unmet=looked.unmet,
            health=pack_observation(kept_health(planned.program, health, journal.hiding)).decode() if health else None,
            started_ms=steps.now(),
        )
        run = Run(replace(action, fence=action.fence + 1), planned, progress, list(approvals))
        said = plan_answers.running(run.action, self._tally(run), None)
        run.pending = [self._rows.beginning(action, progress.packed, said)]
        return await self._go(run, health)

    async def recover(self, action: Action) -> ActionResult:
        """A plan whose process died: finish the step that was out, then go on."""
        planned = await asyncio.to_thread(self._planned, action)
        if isinstance(planned, Denied):
            return await self.abandon(action)
        fence = await self._rows.take_plan(action)
        action = replace(action, fence=fence, caller=await self._steps.current(action.caller) or action.caller)
        run = await self._known(action, planned)
        return await self._go(run, run.health)

    async def looked_again(self, action: Action) -> ApprovalReview:
        """A waiting plan as it is now, for whoever is about to sign; raises with the code of what changed."""
        planned = await asyncio.to_thread(self._planned, action)
        if isinstance(planned, Denied):
            raise AilyusError("policy_changed", "the plan is not the one that was asked about")
        looked = await self.looks.look(action, planned)
        if isinstance(looked, Denied):
            if isinstance(looked, Unavailable):
                raise AilyusError("unavailable", looked.reason, hint="look again when the system answers")
            raise AilyusError("state_changed", f"a step is no longer permitted: {looked.reason}")
        if not looked.needs:
            raise AilyusError("policy_changed", "the policies no longer ask for this approval")
        return self.looks.weighed(action, looked)

    async def _resume(self, action: Action, planned: PlanRequest) -> ActionResult:
        run = await self._known(replace(action, fence=action.fence + 1), planned)
        said = plan_answers.running(run.action, self._tally(run), None)
        run.pending = [self._rows.beginning(action, run.progress.packed, said)]
        return await self._go(run, run.health)

    async def progress(self, action: Action) -> ActionResult:
        """How far a running plan is."""
        planned = self._planned(action)
        if isinstance(planned, Denied):
            return answers.running(action.id, None)
        run = await self._known(action, planned, touched=False)
        if action.state == "ready" and (halt := self.halt_of(action)):
            return plan_answers.halted(action, self._tally(run), halt, self._until(run))
        current = planned.units[run.open.step.position].key if run.open and run.open.step else None
        return plan_answers.running(action, self._tally(run), current)

    async def is_readable(self, action: Action) -> bool:
        """Are the contracts of its steps still there? Without them nothing can be read back, and it stays open."""
        names = {
            step.request.contract for step in await self._steps.journal.steps(action.id) if step.state == "running"
        }
        return names <= set(self._steps.release.catalog.programs)

    async def abandon(self, action: Action) -> ActionResult:
        """A plan that is none of the live release's any more: what is done stays, is named, and a person is told."""
        if action.state == "running":
            action = replace(action, fence=await self._rows.take_plan(action))
        run = await self._remains(action)
        if action.state == "ready":
            run.action = replace(action, fence=action.fence + 1)
            said = action.result or answers.running(action.id, None)
            run.pending = [self._rows.beginning(action, action.plan or b"{}", said)]
        if run.open is not None:
            await self._finish_open(run, run.open)
        return await self._close(run, self._tally(run).status(ABANDONED), ABANDONED, ())

    async def look_again(self, plan_id: str) -> str:
        """The status of a plan that ended `unknown`, now that more may be known of its steps."""
        action = await self._steps.journal.get(plan_id)
        if action is None or action.state != "ended" or action.status != "unknown":
            return action.status if action else "unknown"
        planned = await asyncio.to_thread(self._planned, action)
        if isinstance(planned, Denied):  # what would have come after its steps is not known any more
            return action.status
        return await self.restate(await self._known(action, planned, touched=False))

    async def _remains(self, action: Action) -> Run:
        """The steps that a plan made, as a plan of their own: what comes after them is not known any more."""
        made = [s for s in await self._steps.journal.steps(action.id) if s.step is not None]
        last = max((s.step.position for s in made if s.step), default=-1)
        known = {s.step.position: s for s in made if s.step and not s.undoes}
        units = tuple(
            Unit(f"step {p}", "", "", 1, known[p].request.contract if p in known else "", None, {}, {}, False)
            for p in range(last + 1)
        )
        plan = Plan(
            plan="abandoned",
            title=action.request.contract,
            summary="what is left of a plan",
            use_when="the plan is none of the live release's",
            steps=(Step(id="abandoned", contract="abandoned"),),
            on_failure="escalate",
        )
        program = PlanProgram(
            plan,
            action.request.contract_digest,
            InputSchema.compile(_NOTHING, {}),
            (),
            (),
            (),
            None,
            action.request.risk,
        )
        requests = tuple(known[p].request for p in sorted(known))
        return await self._known(action, PlanRequest(action.request, program, units, requests))

    def is_halted(self, action: Action) -> bool:
        """Does the halt that paused the plan still hold?"""
        halt = Progress.unpacked(action.plan).halt
        return halt is not None and any(h.id == halt for h in self._steps.journal.controls.halts)

    def halt_of(self, action: Action) -> Halt | None:
        """The halt that a paused plan waits for, or that its next step will meet."""
        known = Progress.unpacked(action.plan).halt
        paused = next((h for h in self._steps.journal.controls.halts if h.id == known), None)
        planned = None if paused else self._planned(action)
        return paused or (self._halt(planned) if isinstance(planned, PlanRequest) else None)

    def _halt(self, planned: PlanRequest) -> Halt | None:
        halted = self._steps.journal.controls.halted
        return next((halt for step in planned.steps if (halt := halted(step))), None)

    def _planned(self, action: Action) -> PlanRequest | Denied:
        """The plan as the live release has it; anything else than what was asked for denies.

        Unfolding takes a tenth of a millisecond for each step, so it is done once for an action and off the loop.
        """
        known = self._unfolded.get(action.id)
        if known is not None:
            return known
        try:
            planned = self._steps.release.plans.again(action.request, action.caller)
        except AilyusError as error:
            return Denied(error.sentence)
        if planned.request.action_digest != action.request.action_digest:
            return Denied("the contracts or connections of the plan changed")
        while len(self._unfolded) >= MAX_UNFOLDED:
            self._unfolded.pop(next(iter(self._unfolded)), None)
        self._unfolded[action.id] = planned
        return planned

    async def _known(self, action: Action, planned: PlanRequest, *, touched: bool = True) -> Run:
        """A run from its rows; `touched`: with what its steps left behind."""
        progress = Progress.unpacked(action.plan)
        run = Run(action, planned, progress, [])
        for step in await self._steps.journal.steps(action.id):
            if step.step is None:
                continue
            position = step.step.position
            if step.state == "running":
                run.open = step
            elif step.undoes:
                run.undos[position] = step
            else:
                run.finished[position] = Finished.of(planned.units[position].key, step)
                if touched and step.status == "confirmed":
                    run.touched |= self.looks.left_behind(step.request, await self._steps.journal.left(step.id))
        at = progress.paused_at
        if at is not None and at in run.finished and not run.finished[at].confirmed:
            del run.finished[at]  # the halt came before its first byte: it begins again
        return run

    async def _go(self, run: Run, health: Observation | None) -> ActionResult:
        self._steps.journal.hold(run.action.id, run.action.fence)
        try:
            return await self._carry(run, health)
        except Paused as paused:
            return await self._pause(run, paused)
        finally:
            self._steps.journal.hold(run.action.id, None)
            for held in (*run.former, *([run.place] if run.place else [])):
                self._steps.lanes.leave(held)

    async def _carry(self, run: Run, health: Observation | None) -> ActionResult:
        if run.open is not None:
            await self._finish_open(run, run.open)
        former: Unit | None = None
        left: set[str] = set()  # items of lists that ended early, while the others go on
        for position, unit in enumerate(run.planned.units):
            if unit.key in run.progress.left_out or (unit.group in left and position not in run.finished):
                continue
            known = run.finished.get(position)
            if known is not None:
                former = unit
                if known.confirmed or self._goes_on(run, unit, known, left):
                    continue
                return await self._failed(run, StopReason(f"the step {unit.key} ended {known.status}"))
            if stopped := run.stopped:
                return await self._failed(run, stopped)
            if former and unit.wave != former.wave and await self._is_worse(run, health, unit.block == former.block):
                return await self._stop(run, StopReason(f"the health got worse in wave {former.wave}"))
            former = unit
            if stopped := await self._border(run):
                return await self._stop(run, stopped)
            finished = await self._step(run, position, unit)
            if not finished.confirmed and not self._goes_on(run, unit, finished, left):
                return await self._failed(run, StopReason(f"the step {unit.key} ended {finished.status}"))
        if stopped := run.stopped:
            return await self._failed(run, stopped)
        return await self._complete(run, health)

    def _goes_on(self, run: Run, unit: Unit, finished: Finished, left: set[str]) -> bool:
        """Does the plan go on although this step was not confirmed? Only where it is certain that nothing changed."""
        if unit.optional and finished.status == "not_applied":
            return True
        fits = run.planned.program.plan.on_failure == "continue" and finished.status in ("not_applied", "denied")
        alone = bool(unit.item) and not finished.final and (fits or (unit.skip_unmet and finished.unmet))
        if alone:
            left.add(unit.group)
        return alone

    async def _border(self, run: Run) -> StopReason | None:
        """At a step's border: was the plan cancelled, or is it past its time?"""
        row = await self._steps.journal.get(run.action.id)
        if row is not None and row.is_cancel_requested:
            return CANCELLED
        late = self._steps.now() > run.progress.started_ms + run.planned.program.plan.not_after
        return LATE if late else None

    async def _step(self, run: Run, position: int, unit: Unit) -> Finished:
        """One step: in its turn, decided again with real values, sent, read back."""
        steps = self._steps
        if fault := await self._standing(run):
            action = self._child(run, position, run.planned.steps[position])
            run.finished[position] = replace(
                self._kept(run, position, steps.denied(action, Denied(fault), fault)), final=True
            )
            return run.finished[position]
        request = self._request(run, position)
        if isinstance(request, Denied):
            action = self._child(run, position, run.planned.steps[position])
            return self._kept(run, position, steps.denied(action, request))
        action = self._child(run, position, request)
        tries = 0
        while tries < TRIES:
            tries += 1
            if halt := steps.journal.controls.halted(request):
                raise Paused(halt.id, position)
            under = (steps.release.digest, steps.journal.epoch)
            await self._turn(run, request)
            ready = await self._ready(run, position, action, under)
            if isinstance(ready, PendingEnd):
                return self._kept(run, position, ready)
            try:
                sent = await steps.send(ready, run.pending)
            except Busy as busy:
                await self._flush(run)
                tries -= 1
                if stopped := await self._wait(run, busy):
                    return self._kept(run, position, steps.denied(action, Denied(stopped.sentence), "policy_changed"))
                continue
            except Conflict:
                await self._flush(run)  # raises when somebody else holds the plan now
                continue
            except AilyusError as error:
                if error.code in LATER:
                    raise
                return self._kept(run, position, steps.denied(action, Denied(error.sentence), error.code))
            if isinstance(sent, Denied):
                return self._kept(run, position, steps.denied(action, sent))
            self._committed(run, used=True)
            ended = await self._see_through(run, sent)
            finished = self._kept(run, position, ended)
            unsent = sent.execution.delivery == "not_sent" and finished.status == "not_applied"
            if unsent and (halt := steps.journal.controls.halted(request)):
                raise Paused(halt.id, position)
            return finished
        return self._kept(run, position, steps.denied(action, Denied("it kept changing"), "policy_changed"))

    async def _standing(self, run: Run) -> str | None:
        """INVARIANT: before every step the agent is still registered, and every approver's key still linked."""
        caller = await self._steps.current(run.action.caller)
        if caller is None:
            return "other_requester"
        run.action = replace(run.action, caller=caller)
        if not run.progress.roles:
            return None
        keys, given = await self._steps.journal.registry.keys(), await self._steps.journal.approvals(run.action.id)
        linked = all((key := keys.get(a.keyid)) is not None and not key.revoked for a in given)
        roles, _ = count(given, self._steps.now())
        # INVARIANT: a plan's row does not say who approved it; the signed statements do
        counted = all(roles.get(role, 0) >= number for role, number in run.progress.roles.items())
        return None if linked and counted else "unlinked_key"

    async def _wait(self, run: Run, busy: Busy) -> StopReason | None:
        """The connection or the resource takes no more just now: wait, as long as the plan may."""
        while True:
            await asyncio.sleep(BUSY_SECONDS)
            if stopped := await self._border(run):
                return stopped
            if await self._steps.journal.has_room(busy.wanted):
                return None

    async def _see_through(self, run: Run, sent: SentAttempt) -> PendingEnd:
        undo = Compensation(self._steps, run.progress.roles, run.progress.oldest_seconds)
        return await self._steps.finish(sent, undo.orphan)

    async def _ready(
        self, run: Run, position: int, action: Action, under: tuple[str, int]
    ) -> PermittedAction | PendingEnd:
        """Look, decide, and compare with what was approved; changes by the plan's own steps are no drift."""
        steps, request = self._steps, action.request
        program, target = steps.release.catalog.programs[request.contract], steps.release.target(request)
        look = steps.release.decider.may_observe(request, action.caller, target)
        if isinstance(look, Denied) or target is None:
            return steps.denied(action, look if isinstance(look, Denied) else Denied("no connection"))
        before = await steps.adapter.observe(look)
        roles, oldest = run.progress.roles, run.progress.oldest_seconds
        decision = await steps.decide(action, program, target, before, roles, oldest)
        if not isinstance(decision, Permitted):
            if isinstance(decision, Denied):
                return steps.denied(action, decision)
            return steps.denied(action, Denied("other approvals are needed now", decision.record), "need_missing")
        pins = run.progress.pinned.get(run.planned.units[position].key, {})
        drifted = self.looks.drift(pins, run.touched, request, program, before, decision.facts)
        if drifted:
            return steps.denied(action, Denied(f"`{drifted}` changed since it was approved"), "state_changed")
        unsent = steps.without_sending(action, program, target, before, decision.facts, decision.record)
        if unsent is not None:
            return unsent

        return PermittedAction(action, program, target, before, decision, tuple(run.approvals), under, self._again(run))

    def _again(self, run: Run) -> Again:
        """Directly before a further send of a step: with the approvals that the plan used."""

        async def again(action: Action, program: Program, target: Target, before: Observation) -> Permitted | None:
            roles, oldest = run.progress.roles, run.progress.oldest_seconds
            decision = await self._steps.decide(action, program, target, before, roles, oldest)
            return decision if isinstance(decision, Permitted) else None

        return again

    def _request(self, run: Run, position: int) -> ActionRequest | Denied:
        """The step's request with what earlier steps gave."""
        unit, request = run.planned.units[position], run.planned.steps[position]
        if not unit.late:
            return request
        values: dict[str, JsonValue] = {}
        for name, (key, output) in unit.late.items():
            maker = next((f for f in run.finished.values() if f.key == key), None)
            if maker is None or output not in maker.outputs:
                return Denied(f"the step `{key}` gave no `{output}`")
            values[name] = maker.outputs[output]
        try:
            return self._steps.release.calls.filled(request, values, run.action.caller)
        except AilyusError as error:
            return Denied(error.sentence)

    def _child(self, run: Run, position: int, request: ActionRequest) -> Action:
        unit = run.planned.units[position]
        size = len(run.planned.units)
        step = PlanStep(
            run.action.id, run.action.fence, position, size, unit.key, unit.wave, run.action.request.action_digest
        )
        return Action(new_id("act"), request, run.action.caller, created_ms=self._steps.now(), first=True, step=step)

    def _kept(self, run: Run, position: int, ended: PendingEnd) -> Finished:
        """The end of a step is committed with the next intent, or with the plan's own end."""
        run.pending.append(ended.work)
        run.ended.append(ended.action)
        finished = Finished.ended(run.planned.units[position].key, ended)
        run.finished[position] = finished
        if finished.confirmed and not ended.unsent:
            run.touched |= self.looks.left_behind(ended.action.request, ended.after)
        return finished

    async def _is_worse(self, run: Run, before: Observation | None, same_list: bool) -> bool:
        """INVARIANT: no wave begins while the plan's health is worse than before it, or cannot be read.

        Between the waves of one list an expectation that was met before must be met; elsewhere only `worse` tells.
        """
        program = run.planned.program
        if before is None or not (program.worse or same_list):
            return False
        now = await self._health(run.action, run.planned)
        if now is None or not now.ok or not before.ok:
            return True
        scope = {**self._base(run), **before.scope("before"), **now.scope("after")}
        hide_compared(scope, program.compared, before.hiding)
        if program.worse is not None:
            return program.worse.value(scope) is not False
        if before.hiding is not None:  # begun by another process: what held at first is not known any more
            return not all(c.expression.holds(scope) for c in program.expect)
        at_first = {**self._base(run), **before.scope("before"), **before.scope("after")}
        return any(c.expression.holds(at_first) and not c.expression.holds(scope) for c in program.expect)

    async def _finish_open(self, run: Run, step: Action) -> None:
        """The step that was out when its process died: read back, as after a lost reply."""
        if step.step is None:
            raise AilyusError("store_corrupt", f"`{step.id}` is no step of a plan")
        intent = await self._steps.take_over(step)
        unit = run.planned.units[step.step.position]
        place = replace(step.step, fence=run.action.fence, size=len(run.planned.units), key=unit.key, wave=unit.wave)
        action = replace(step, fence=intent.fence, step=place, caller=run.action.caller)
        execution = died(intent)
        sent = SentAttempt(action, intent, intent.before, execution, (execution,), self._again(run))
        ended = await self._see_through(run, sent)
        if step.undoes:
            run.pending.append(ended.work)
            run.ended.append(ended.action)
            run.undos[step.step.position] = replace(step, state="ended", status=ended.status)
        else:
            self._kept(run, step.step.position, ended)
        run.open = None
        await self._flush(run)
