"""The commits of a plan: what ended waits for the next intent, and shares its commit; a place in line goes along."""

from contracts.action.request import ActionRequest
from contracts.compiler.expressions import Fault
from receipts.journal.plan_transitions import PlanRows
from server.execution.attempt import PendingEnd
from server.execution.executor import ActionExecutor
from server.execution.resolved_action import base_scope
from server.observability import metrics
from server.plans.run import Run
from server.plans.tally import StepEnd

TRIES = 20
"""How often a step, or its undo, is decided anew when a halt, a rate or another action came in between."""
BUSY_PAUSE_SECONDS = 0.05


class PlanCommits:
    """Keeps the transitions of a plan until a commit takes them along. `rows` makes those of the plan itself."""

    def __init__(self, executor: ActionExecutor) -> None:
        self._executor = executor
        self.rows = PlanRows(executor.journal)

    async def acquire_slot(self, run: Run, request: ActionRequest) -> None:
        """A place at the connection and the resource. Whoever waits there goes first, and nobody waits in a circle."""
        executor, program = self._executor, self._executor.release.catalog.programs[request.contract]
        target = executor.release.target(request)
        room = target.max_in_flight if target else 0
        named = program.resource_id.text(base_scope(program, request, target))
        resource = f"{program.resource_type}/{request.contract if isinstance(named, Fault) else named}"
        held = run.place
        if held is not None:
            following = executor.limiter.hand_over(held, request.connection, room, resource)
            if following is not None:
                # what ended is not durable yet: its place stays taken until the next commit says that it ended
                run.former.append(held)
                run.place = following
                return
            # the next place is taken by somebody: commit and let go first, since holding one while waiting for
            # another is how two wait for each other
            await self.commit_pending(run)
            executor.limiter.release(held)
            run.place = None
        run.place = await executor.limiter.acquire(request.connection, room, resource)

    def keep(self, run: Run, position: int, ended: PendingEnd) -> StepEnd:
        """The end of a step is committed with the next intent, or with the plan's own end."""
        run.add(ended)
        finished = StepEnd.ended(run.planned.units[position].key, ended)
        run.finished[position] = finished
        return finished

    async def commit_pending(self, run: Run) -> None:
        """Commit what ended, by itself. Raises `Conflict` when somebody else holds the plan now."""
        if run.pending:
            await self._executor.journal.commit(run.action, run.pending)
        self.mark_committed(run)

    def mark_committed(self, run: Run, used: bool = False) -> None:
        """What was pending is durable; `used`: the approvals were used up with it."""
        run.pending.clear()
        if used:
            run.approvals.clear()
        for ended in run.ended:
            self._executor.journal.gate.void(ended.action.id)
            metrics.record_outcome(ended.action.request.contract, ended.status)
        run.ended.clear()
        for held in run.former:
            self._executor.limiter.release(held)
        run.former.clear()
