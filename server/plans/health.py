"""The health of a plan: the reads that its author declared, before its first step, between waves, and at its end."""

import asyncio
from collections.abc import Mapping

from contracts.action.observation import Observation
from contracts.compiler.check import cut_path
from contracts.compiler.plan_program import PlanProgram
from policies.plan_parser import PlanRequest
from policies.run_plan_schema import RUN_PLAN
from receipts.reconciliation.checks import CheckResult, checks_of
from receipts.reconciliation.comparison import evened
from receipts.reconciliation.scope import hide_compared
from server.execution.executor import ActionExecutor
from server.plans.run import Run

READ_SECONDS = 15.0


class PlanHealth:
    """Reads the health of plans, and compares it."""

    def __init__(self, executor: ActionExecutor) -> None:
        self._executor = executor

    async def read(self, planned: PlanRequest) -> Observation | None:
        """One look; None where the plan declares no reads."""
        if not planned.program.reads:
            return None
        return await self._executor.observe(self._executor.journal.may_check(planned.request, READ_SECONDS))

    async def is_worse(self, run: Run, before: Observation | None, same_list: bool) -> bool:
        """INVARIANT: no wave begins while the plan's health is worse than before it, or cannot be read.

        Between the waves of one list an expectation that was met before must be met; elsewhere only `worse` tells.
        """
        program = run.planned.program
        if before is None or not (program.worse or same_list):
            return False
        now = await self.read(run.planned)
        if now is None or not now.ok or not before.ok:
            return True
        scope = {**self._base(run), **before.scope("before"), **now.scope("after")}
        hide_compared(scope, program.compared, before.hiding)
        cut = before.cut("before") | now.cut("after")
        if program.worse is not None:
            # guard: half a list is no health
            return program.worse.value(scope) is not False or cut_path([program.worse], scope, cut) is not None
        holds = [check.met for check in checks_of(program.expect, scope, cut)]
        if before.hiding is not None:  # begun by another process: what held at first is not known any more
            return not all(holds)
        at_first = {**self._base(run), **before.scope("before"), **before.scope("after")}
        held = checks_of(program.expect, at_first, before.cut("before") | before.cut("after"))
        return any(at.met and not now_met for at, now_met in zip(held, holds, strict=True))

    async def settled(self, run: Run, before: Observation) -> tuple[tuple[CheckResult, ...], Observation | None]:
        """The expectations of the whole, read until they hold or the longest settle time is over."""
        executor, programs = self._executor, self._executor.release.catalog.programs
        settles = []
        for step in run.planned.steps:
            target = executor.release.target(step)
            settles.append(min(programs[step.contract].contract.settle_ms, target.max_settle_ms if target else 0))
        end, pause = executor.now() + max(settles), 0.05
        while True:
            now = await self.read(run.planned)
            checks = health_checks(run.planned.program, self._base(run), before, now)
            if all(c.met for c in checks) or executor.now() >= end:
                return checks, now
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    def _base(self, run: Run) -> dict[str, object]:
        request = run.planned.request
        target = self._executor.release.targets.get(request.connection)
        params = {} if request.contract == RUN_PLAN else request.params  # an agent's plan has no inputs of its own
        return run.planned.program.scope(params, request.tenant, target.environment if target else "")


def health_checks(
    program: PlanProgram, base: Mapping[str, object], before: Observation, now: Observation | None
) -> tuple[CheckResult, ...]:
    """The expectations of a plan as a whole; none of them is read where the look was not answered."""
    if now is None or not now.ok:
        fault = (now.fault if now else None) or "the record does not exist"
        return tuple(CheckResult(c.sentence, False, c.so, fault) for c in program.expect)
    before, now = evened(program.reads, before, now)
    scope = {**base, **before.scope("before"), **now.scope("after")}
    hide_compared(scope, program.compared, before.hiding)
    return checks_of(program.expect, scope, before.cut("before") | now.cut("after"))
