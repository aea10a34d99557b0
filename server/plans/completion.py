"""How a plan ends: as expected, stopped, undone in reverse, or waiting at a border because something is halted."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from contracts.action.observation import Observation
from contracts.canonical import new_id
from contracts.compiler.plan_program import PlanProgram
from receipts.action.action import PlanStep
from receipts.action.action_form import pack_observation
from receipts.action.action_result import ActionResult
from receipts.action.result_parts import ResultStep
from receipts.journal.intent import Busy
from receipts.journal.outcome import Escalation
from receipts.reconciliation.checks import Checked, checks_of, stated
from receipts.reconciliation.comparison import evened
from receipts.reconciliation.scope import hide_compared
from receipts.statement.action_facts import OutcomeFacts, RecheckFacts
from receipts.statement.plan_facts import PlanRef
from receipts.statement.statement import LIMITS
from server.execution.undo import Compensation, Done, Left
from server.plans import plan_answers
from server.plans.commits import PlanWork
from server.plans.plan_answers import Finished
from server.plans.run import Run
from server.plans.stop_reason import IN_DOUBT, NOT_AS_EXPECTED, NOT_READ, StopReason

TRIES = 20
_MAY_CALL_AGAIN = frozenset({"not_applied", "unavailable", "cancelled", "compensated"})


def health_checks(
    program: PlanProgram, base: Mapping[str, object], before: Observation, now: Observation | None
) -> tuple[Checked, ...]:
    """The expectations of a plan as a whole; none of them is read where the look was not answered."""
    if now is None or not now.ok:
        fault = (now.fault if now else None) or "the record does not exist"
        return tuple(Checked(c.sentence, False, c.so, fault) for c in program.expect)
    before, now = evened(program.reads, before, now)
    scope = {**base, **before.scope("before"), **now.scope("after")}
    hide_compared(scope, program.compared, before.hiding)
    return checks_of(program.expect, scope, before.cut("before") | now.cut("after"))


def _kept(steps: Sequence[ResultStep]) -> dict[str, str]:
    """Why steps were not undone, as an earlier answer says it."""
    return {step.id: step.kept for step in steps if step.kept is not None}


class Paused(Exception):
    """The plan waits at a step's border, because something is halted; `position` is the step to begin with again."""

    def __init__(self, halt: str, position: int | None) -> None:
        super().__init__(halt)
        self.halt = halt
        self.position = position


class PlanEnd(PlanWork):
    """The ends of plans. Whatever is done, undone, untouched or left out is named."""

    async def _complete(self, run: Run, before: Observation | None) -> ActionResult:
        """Every step is confirmed: the plan's own expectations decide."""
        status, reason, checks, after = await self._whole(run, before)
        return await self._close(run, status, reason, checks, after)

    async def _whole(
        self, run: Run, before: Observation | None
    ) -> tuple[plan_answers.PlanStatus, StopReason | None, tuple[Checked, ...], Observation | None]:
        """What a plan that got to its end came to: status, reason, checks and what they were read from."""
        program = run.planned.program
        checks: tuple[Checked, ...] = ()
        after: Observation | None = None
        if program.expect and before is not None:
            checks, after = await self._expected(run, before)
        every = all(f.confirmed for f in run.finished.values())
        if every and any(c.unmet for c in checks):
            return "diverged", NOT_AS_EXPECTED, checks, after
        if every and not all(c.met for c in checks):
            return "unknown", NOT_READ, checks, after
        return self._tally(run).whole, None, checks, after

    async def _expected(self, run: Run, before: Observation) -> tuple[tuple[Checked, ...], Observation | None]:
        """The expectations of the whole, read until they hold or the longest settle time is over."""
        programs = self._steps.release.catalog.programs
        settles = []
        for step in run.planned.steps:
            target = self._steps.release.target(step)
            settles.append(min(programs[step.contract].contract.settle_ms, target.max_settle_ms if target else 0))
        end = self._steps.now() + max(settles)
        pause = 0.05
        while True:
            now = await self._health(run.action, run.planned)
            checks = health_checks(run.planned.program, self._base(run), before, now)
            if all(c.met for c in checks) or self._steps.now() >= end:
                return checks, now
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def _stop(self, run: Run, reason: StopReason) -> ActionResult:
        """No further step begins; the reason is durable before anything is taken back."""
        run.progress = run.progress.model_copy(update={"stopped": reason.stored})
        said = plan_answers.running(run.action, self._tally(run), None)
        run.pending.append(self._rows.turning(run.action, "running", run.progress.packed, said))
        return await self._failed(run, reason)

    async def _failed(self, run: Run, reason: StopReason) -> ActionResult:
        """A step was not confirmed, or the plan stopped: undo what may be undone, and say exactly what is how."""
        how = run.planned.program.plan.on_failure
        if how in ("undo", "undo_wave") and not reason.is_cancellation:
            await self._undo(run, only_wave=how == "undo_wave")
        tally = self._tally(run)
        return await self._close(run, tally.status(reason), reason, ())

    async def _undo(self, run: Run, *, only_wave: bool) -> None:
        """In reverse order; what cannot be undone stays, with the reason."""
        units = run.planned.units
        held: dict[str, tuple[Finished, str]] = {}
        last = max((units[p].wave for p in run.finished), default=0)
        for position in sorted(run.finished, reverse=True):
            unit = units[position]
            finished = run.finished[position] = await self._undone(run, position, held, only_wave and unit.wave != last)
            if not finished.undone and (finished.confirmed or finished.doubtful):
                held |= {key: (finished, why) for key, why in run.planned.program.holds(unit).items()}

    async def _undone(self, run: Run, position: int, held: Mapping[str, tuple[Finished, str]], stays: bool) -> Finished:
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
        return await self._undo_one(run, position, finished)

    async def _undo_one(self, run: Run, position: int, finished: Finished) -> Finished:
        steps, journal = self._steps, self._steps.journal
        if any(ended.id == finished.action_id for ended in run.ended):
            await self._flush(run)  # it is read from its row
        action = await journal.get(finished.action_id)
        left = await journal.left(finished.action_id)
        before = await journal.before(finished.action_id)
        # guard: undo only what is ours
        if action is None or left is None or before is None or not await journal.is_ours(finished.action_id):
            return replace(finished, kept="it is not certain that the change is ours")
        action = replace(action, caller=run.action.caller)
        key = run.planned.units[position]
        step = PlanStep(
            run.action.id,
            run.action.fence,
            position,
            len(run.planned.units),
            f"undo {key.key}",
            key.wave,
            run.action.request.action_digest,
        )
        await self._turn(run, action.request)
        undo = Compensation(steps, run.progress.roles, run.progress.oldest_seconds)
        done = Done(action, before, finished.outputs, left, self.looks.own(action.request, run.touched))
        for _ in range(TRIES):
            try:
                taken = await undo.take_back(done, step, run.pending)
            except Busy:
                await asyncio.sleep(0.05)
                continue
            if isinstance(taken, Left) and taken.halted:
                raise Paused(taken.halted, None)
            if isinstance(taken, Left):
                return replace(finished, kept=taken.reason)
            if not taken.unsent:
                self._committed(run)
            run.pending.append(taken.work)
            run.ended.append(taken.action)
            run.touched |= self.looks.left_behind(taken.action.request, taken.after)
            if taken.status == "confirmed":
                return replace(finished, undone=True)
            return replace(finished, kept=f"its undo ended {taken.status}")
        return replace(finished, kept="the connection stayed busy")

    async def _pause(self, run: Run, paused: Paused) -> ActionResult:
        """running → ready at a step's border; `unhalt` lets it go on where it stopped."""
        run.progress = run.progress.model_copy(update={"paused_at": paused.position, "halt": paused.halt})
        if paused.position is not None:
            run.finished.pop(paused.position, None)  # it had its intent, but the halt came before its first byte
        halt = next((h for h in self._steps.journal.controls.halts if h.id == paused.halt), None)
        said = plan_answers.halted(run.action, self._tally(run), halt, self._until(run))
        run.pending.append(self._rows.turning(run.action, "ready", run.progress.packed, said))
        await self._flush(run)
        return said

    def _until(self, run: Run) -> int:
        """When the plan runs out of time: from then on no further step begins."""
        started = run.progress.started_ms or self._steps.now()
        return started + run.planned.program.plan.not_after

    async def _close(
        self,
        run: Run,
        status: plan_answers.PlanStatus,
        reason: StopReason | None,
        checks: tuple[Checked, ...],
        after: Observation | None = None,
    ) -> ActionResult:
        steps, plan = self._steps, run.planned.program.plan
        tally, receipt = self._tally(run), new_id("rcp")
        route = plan.escalate or self._route(run)
        stopped = status == "partial" and reason is not None and not reason.is_cancellation
        told = route if stopped or tally.needs_a_person(status) else None
        answer = plan_answers.concluded(run.action, receipt, status, tally, reason, checks, told)
        facts = OutcomeFacts(
            plan_of=PlanRef(name=plan.plan, digest=run.planned.program.digest, units=len(run.planned.units)),
            steps=tally.facts,
            checks=stated(checks),
            reason=reason.sentence if reason else "",
            answer=answer.digest,
            escalated_to=told,
            called_ms=run.action.created_ms,
            limits=LIMITS,
        )
        evidence = {"health/before": (run.progress.health or "").encode()}
        if after is not None and not run.planned.program.secretive:
            evidence["health/after"] = pack_observation(after)
        sealed = steps.seal(facts, receipt, steps.about(run.action), status, tally.changed(status), evidence)
        held = 0 if status in _MAY_CALL_AGAIN else steps.now() + plan.repeat_window
        escalation = Escalation(new_id("esc"), told) if told else None
        run.pending.append(self._rows.closing(run.action, sealed, status, answer, held, escalation))
        await self._flush(run)
        return answer

    async def restate(self, run: Run) -> plan_answers.PlanStatus:
        """What a plan that ended `unknown` came to, as far as its steps are known now; a new statement says it.

        The outcome that said `unknown` stays as it was signed. Nothing is sent or taken back any more. Raises
        `Conflict` where somebody else said it first.
        """
        steps, former = self._steps, run.action.result
        for position, undone in run.undos.items():
            if undone.status == "confirmed":
                run.finished[position] = replace(run.finished[position], undone=True)
        kept = _kept((former.steps if former else None) or ())
        for position, one in run.finished.items():
            run.finished[position] = replace(one, kept=kept.get(one.key, ""))
        tally, after = self._tally(run), None
        checks: tuple[Checked, ...] = ()
        reason: StopReason | None = run.stopped or IN_DOUBT
        status = tally.status(run.stopped or IN_DOUBT)
        if {tally.state(position) for position in range(len(run.planned.units))} <= {"done", "already_so", "left_out"}:
            status, reason, checks, after = await self._whole(run, run.health)
        if status == "unknown":
            return status
        receipt, route = new_id("rcp"), former.escalated_to if former else None
        answer = plan_answers.concluded(run.action, receipt, status, tally, reason, checks, route)
        facts = RecheckFacts(
            was=run.action.status,
            steps=tally.facts,
            checks=stated(checks),
            reason=reason.sentence if reason else "",
            answer=answer.digest,
            limits=LIMITS,
        )
        evidence: dict[str, bytes] = {}
        if after is not None and not run.planned.program.secretive:
            evidence["health/after"] = pack_observation(after)
        sealed = steps.seal(facts, receipt, steps.about(run.action), status, tally.changed(status), evidence)
        held = 0 if status in _MAY_CALL_AGAIN else steps.now() + run.planned.program.plan.repeat_window
        settled = not tally.needs_a_person(status)
        await steps.journal.commit(
            run.action, [self._rows.restating(run.action, sealed, status, answer, held, settled)]
        )
        return status

    def _route(self, run: Run) -> str | None:
        """Whom the contract of the step that failed names, else any of the plan's."""
        programs = self._steps.release.catalog.programs
        failed = [run.planned.steps[p].contract for p, f in run.finished.items() if not f.confirmed]
        names = [*failed, *(s.contract for s in run.planned.steps)]
        return next((r for n in names if n in programs and (r := programs[n].contract.escalate)), None)
