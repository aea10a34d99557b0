"""How a plan ends: as expected, stopped and undone, or waiting at a border because something is halted.

Whatever is done, undone, untouched or left out is named, in what the agent is told and in the signed statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.action.observation import Observation
from contracts.canonical import new_id
from receipts.action.action_form import pack_observation
from receipts.action.action_result import ActionResult
from receipts.action.result_parts import ResultStep
from receipts.journal.outcome import Escalation
from receipts.reconciliation.checks import CheckResult, stated
from receipts.statement.action_facts import OutcomeFacts, RecheckFacts
from receipts.statement.plan_facts import PlanRef
from receipts.statement.statement import LIMITS, SignedStatement
from server.execution.executor import ActionExecutor
from server.observability import metrics
from server.plans import plan_results
from server.plans.commits import PlanCommits
from server.plans.compensation import PlanCompensation
from server.plans.health import PlanHealth
from server.plans.run import Pause, Run
from server.plans.stop_reason import IN_DOUBT, NOT_AS_EXPECTED, NOT_READ, StopReason
from server.plans.tally import PlanStatus

_MAY_CALL_AGAIN = frozenset({"not_applied", "unavailable", "cancelled", "compensated"})
_ENDED_WELL = frozenset({"done", "already_so", "left_out"})


@dataclass(frozen=True, slots=True)
class PlanVerdict:
    """What a plan came to: `reason` is None where it got to its end; `after` is what the checks were read from."""

    status: PlanStatus
    reason: StopReason | None = None
    checks: tuple[CheckResult, ...] = ()
    after: Observation | None = None


class PlanCompletion:
    """Ends plans."""

    def __init__(
        self, executor: ActionExecutor, commits: PlanCommits, health: PlanHealth, compensation: PlanCompensation
    ) -> None:
        self._executor = executor
        self._commits = commits
        self._health = health
        self._compensation = compensation

    async def complete(self, run: Run, before: Observation | None) -> ActionResult:
        """Every step is confirmed: the plan's own expectations decide."""
        return await self.close(run, await self._whole(run, before))

    async def _whole(self, run: Run, before: Observation | None) -> PlanVerdict:
        """What a plan that got to its end came to."""
        program = run.planned.program
        checks: tuple[CheckResult, ...] = ()
        after: Observation | None = None
        if program.expect and before is not None:
            checks, after = await self._health.settled(run, before)
        every = all(f.confirmed for f in run.finished.values())
        if every and any(c.unmet for c in checks):
            return PlanVerdict("diverged", NOT_AS_EXPECTED, checks, after)
        if every and not all(c.met for c in checks):
            return PlanVerdict("unknown", NOT_READ, checks, after)
        return PlanVerdict(run.tally.whole, None, checks, after)

    async def stop(self, run: Run, reason: StopReason) -> ActionResult | Pause:
        """No further step begins; the reason is durable before anything is taken back."""
        run.progress = run.progress.model_copy(update={"stopped": reason.stored})
        said = plan_results.running(run.action, run.tally, None)
        run.pending.append(self._commits.rows.turning(run.action, "running", run.progress.packed, said))
        return await self.fail(run, reason)

    async def fail(self, run: Run, reason: StopReason) -> ActionResult | Pause:
        """A step was not confirmed, or the plan stopped: undo what may be undone, and say exactly what is how."""
        how = run.planned.program.plan.on_failure
        undoes = how in ("undo", "undo_wave") and not reason.is_cancellation
        if undoes and (paused := await self._compensation.undo(run, only_wave=how == "undo_wave")):
            return paused
        return await self.close(run, PlanVerdict(run.tally.status(reason), reason))

    async def pause(self, run: Run, paused: Pause) -> ActionResult:
        """running → ready at a step's border; `unhalt` lets it go on where it stopped."""
        run.progress = run.progress.model_copy(update={"paused_at": paused.position, "halt": paused.halt})
        if paused.position is not None:
            run.finished.pop(paused.position, None)  # it had its intent, but the halt came before its first byte
        halt = next((h for h in self._executor.journal.controls.halts if h.id == paused.halt), None)
        said = plan_results.halted(run.action, run.tally, halt, run.until_ms(self._executor.now()))
        run.pending.append(self._commits.rows.turning(run.action, "ready", run.progress.packed, said))
        await self._commits.commit_pending(run)
        return said

    async def close(self, run: Run, verdict: PlanVerdict) -> ActionResult:
        """running → ended, with a receipt, and a person told where one is needed."""
        plan, tally, receipt = run.planned.program.plan, run.tally, new_id("rcp")
        status, reason = verdict.status, verdict.reason
        route = plan.escalate or self._route(run)
        stopped = status == "partial" and reason is not None and not reason.is_cancellation
        told = route if stopped or tally.needs_a_person(status) else None
        answer = plan_results.concluded(run.action, receipt, status, tally, reason, verdict.checks, told)
        facts = OutcomeFacts(
            plan_of=PlanRef(name=plan.plan, digest=run.planned.program.digest, units=len(run.planned.units)),
            steps=tally.facts,
            checks=stated(verdict.checks),
            reason=reason.sentence if reason else "",
            answer=answer.digest,
            escalated_to=told,
            called_ms=run.action.created_ms,
            limits=LIMITS,
        )
        evidence = {"health/before": (run.progress.health or "").encode()}
        sealed = self._sealed(run, facts, receipt, verdict, evidence)
        held = self._held_until(run, status)
        escalation = Escalation(new_id("esc"), told) if told else None
        run.pending.append(self._commits.rows.closing(run.action, sealed, status, answer, held, escalation))
        await self._commits.commit_pending(run)
        metrics.record_outcome(run.action.request.contract, status)
        return answer

    async def restate(self, run: Run) -> PlanStatus:
        """What a plan that ended `unknown` came to, as far as its steps are known now; a new statement says it.

        The outcome that said `unknown` stays as it was signed. Nothing is sent or taken back any more. Raises
        `Conflict` where somebody else said it first.
        """
        former = run.action.result
        _retell(run, (former.steps if former else None) or ())
        tally, reason = run.tally, run.stopped or IN_DOUBT
        verdict = PlanVerdict(tally.status(reason), reason)
        if {tally.state(position) for position in range(len(run.planned.units))} <= _ENDED_WELL:
            verdict = await self._whole(run, run.health)
        status = verdict.status
        if status == "unknown":
            return status
        receipt, route = new_id("rcp"), former.escalated_to if former else None
        answer = plan_results.concluded(run.action, receipt, status, tally, verdict.reason, verdict.checks, route)
        facts = RecheckFacts(
            was=run.action.status,
            steps=tally.facts,
            checks=stated(verdict.checks),
            reason=verdict.reason.sentence if verdict.reason else "",
            answer=answer.digest,
            limits=LIMITS,
        )
        sealed = self._sealed(run, facts, receipt, verdict, {})
        held, settled = self._held_until(run, status), not tally.needs_a_person(status)
        work = self._commits.rows.restating(run.action, sealed, status, answer, held, settled)
        await self._executor.journal.commit(run.action, [work])
        return status

    def _sealed(
        self,
        run: Run,
        facts: OutcomeFacts | RecheckFacts,
        receipt: str,
        verdict: PlanVerdict,
        evidence: dict[str, bytes],
    ) -> SignedStatement:
        if verdict.after is not None and not run.planned.program.secretive:
            evidence["health/after"] = pack_observation(verdict.after)
        changed, statements = run.tally.changed(verdict.status), self._executor.statements
        return statements.seal(facts, receipt, statements.about(run.action), verdict.status, changed, evidence)

    def _held_until(self, run: Run, status: PlanStatus) -> int:
        """Until when the same call is this plan; at once where calling it again begins it anew."""
        if status in _MAY_CALL_AGAIN:
            return 0
        return self._executor.now() + run.planned.program.plan.repeat_window

    def _route(self, run: Run) -> str | None:
        """Whom the contract of the step that failed names, else any of the plan's."""
        programs = self._executor.release.catalog.programs
        failed = [run.planned.steps[p].contract for p, f in run.finished.items() if not f.confirmed]
        names = [*failed, *(s.contract for s in run.planned.steps)]
        return next((r for n in names if n in programs and (r := programs[n].contract.escalate)), None)


def _retell(run: Run, steps: Sequence[ResultStep]) -> None:
    """What was undone, and why the others were not, as the rows and the earlier answer say it."""
    for position, undone in run.undos.items():
        if undone.status == "confirmed":
            run.finished[position] = replace(run.finished[position], undone=True)
    kept = {step.id: step.kept for step in steps if step.kept is not None}
    for position, one in run.finished.items():
        run.finished[position] = replace(one, kept=kept.get(one.key, ""))
