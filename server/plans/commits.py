"""What running and ending a plan share: its place in line, its commits, its health."""

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from contracts.compiler.expressions import Fault
from policies.plan_parser import PlanRequest
from policies.run_plan_schema import RUN_PLAN
from receipts.action.action import Action
from receipts.journal.plan_transitions import PlanRows
from server.execution.executor import ActionExecutor
from server.plans.plan_answers import Tally
from server.plans.preflight import Preflight
from server.plans.run import Run


class PlanWork:
    """Works on plans of one live release."""

    def __init__(self, steps: ActionExecutor) -> None:
        self._steps = steps
        self._rows = PlanRows(steps.journal)
        self.looks = Preflight(steps)

    async def _turn(self, run: Run, request: ActionRequest) -> None:
        """A place at the connection and the resource. Whoever waits there goes first, and nobody waits in a circle."""
        steps, program = self._steps, self._steps.release.catalog.programs[request.contract]
        target = steps.release.target(request)
        room = target.max_in_flight if target else 0
        named = program.resource_id.text(steps.base(program, request, target))
        resource = f"{program.resource_type}/{request.contract if isinstance(named, Fault) else named}"
        held = run.place
        if held is not None:
            following = steps.lanes.follow(held, request.connection, room, resource)
            if following is not None:
                run.former.append(held)
                run.place = following
                return
            await self._flush(run)
            steps.lanes.leave(held)
            run.place = None
        run.place = await steps.lanes.enter(request.connection, room, resource)

    async def _flush(self, run: Run) -> None:
        """Commit what ended, by itself."""
        if run.pending:
            await self._steps.journal.commit(run.action, run.pending)
        self._committed(run)

    def _committed(self, run: Run, used: bool = False) -> None:
        """What was pending is durable; `used`: the approvals were used up with it."""
        run.pending.clear()
        if used:
            run.approvals.clear()
        for action in run.ended:
            self._steps.journal.forget(action.id)
        run.ended.clear()
        for held in run.former:
            self._steps.lanes.leave(held)
        run.former.clear()

    async def _health(self, action: Action, planned: PlanRequest) -> Observation | None:
        if not planned.program.reads:
            return None
        return await self._steps.adapter.observe(self._steps.journal.may_check(planned.request, 15.0))

    def _base(self, run: Run) -> dict[str, object]:
        request = run.planned.request
        target = self._steps.release.targets.get(request.connection)
        params = {} if request.contract == RUN_PLAN else request.params  # an agent's plan has no inputs of its own
        return run.planned.program.scope(params, request.tenant, target.environment if target else "")

    def _tally(self, run: Run) -> Tally:
        return Tally(run.planned.units, run.finished, run.progress.left_out, run.progress.unmet)
