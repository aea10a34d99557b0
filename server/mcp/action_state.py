"""The state of an action as its own agent is told it: at once, or as soon as it ends."""

import asyncio

from contracts.action.request import Caller
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.journal.queries import action_in
from receipts.journal.watch import Watch
from receipts.tables.archives import ArchivePlace
from server.actions.runner import ActionRunner
from server.mcp.tasks import Context
from server.results import answers

REPORT_SECONDS = 0.5
"""Pause between two progress notifications."""
FIRST_SECONDS = 0.2
"""When the first may come: what has ended by then needs none."""


class ActionStates:
    """Reads and waits; it moves nothing."""

    def __init__(self, runner: ActionRunner) -> None:
        self._runner = runner

    async def own(self, caller: Caller, action_id: str) -> Action | None:
        """The action of that id, if it is this caller's."""
        action = await self._runner.journal.get(action_id) or self._runner.running_action(action_id)
        if action is None:
            action = await self._archived(caller, action_id)
        # INVARIANT 9: nobody reads another principal's action; a foreign id is not found.
        return action if action is not None and action.is_of(caller) else None  # guard: actions of another

    async def _archived(self, caller: Caller, action_id: str) -> Action | None:
        """The same out of its archive. Raises `archived` where the file is not at hand."""
        place = await self._runner.archives.place(action_id)
        # before anything is said of it: that there is such an action is its owner's alone to know
        if place is None or place.action_id != action_id or not is_place_of(self._runner, place, caller):
            return None
        return await self._runner.archives.read(place, lambda read: action_in(read, action_id))

    async def so_far(self, action: Action) -> ActionResult:
        """What is known of an action now."""
        if action.plan is not None and action.state in ("ready", "running"):
            return await self._runner.plans.progress(action)
        runner = self._runner
        if action.state == "ready" and (halt := runner.halt_of(action)):  # guard: approved and held
            return await runner.held(action, halt)
        if action.state in ("new", "ready", "running"):
            return answers.running(action.id, action.receipt_id)
        return action.result or answers.running(action.id, None)

    async def within(self, caller: Caller, action_id: str, wait_ms: int) -> ActionResult:
        """The end of an action, or, when the time is up, what is known of it by then."""
        journal = self._runner.journal
        deadline = journal.store.now_ms() + wait_ms
        # watched before it is read: an end that came between the two would wake nobody
        with journal.watching(action_id) as watch:
            return await self._ended(caller, action_id, deadline, watch)

    async def _ended(self, caller: Caller, action_id: str, deadline: int, watch: Watch) -> ActionResult:
        while True:
            action = await self.own(caller, action_id)
            if action is None:
                raise AilyusError("not_found", "there is no such action that you may see", field="/action_id")
            left = (deadline - self._runner.journal.store.now_ms()) / 1000
            if action.state == "ended" or left <= 0 or self._runner.answers_at_once:
                return await self.so_far(action)
            # looked at again although nothing is told: another replica may have ended it
            await watch.change(min(left, 5.0))

    async def report(self, ctx: Context, action_id: str) -> None:
        """Progress notifications: of a plan so many of so many and the current step; of an action that it is out."""
        with self._runner.journal.watching(action_id) as watch:
            await asyncio.sleep(FIRST_SECONDS)
            while True:
                runner, pause = self._runner, 0.0
                action = await runner.journal.get(action_id)
                if action is not None and action.state == "running":
                    pause = REPORT_SECONDS
                    progress = (await runner.plans.progress(action)).progress if action.plan else None
                    if progress is not None:
                        await ctx.session.report_progress(progress.done, progress.total, progress.current or None)
                    elif action.plan is None:
                        await ctx.session.report_progress(1, 2, "sent; it is being read back")
                # what is not out yet is told as soon as it is
                await asyncio.sleep(pause)
                await watch.change(1.0)


def is_place_of(runner: ActionRunner, place: ArchivePlace, caller: Caller) -> bool:
    """Did this agent ask for an archived action, for this person?"""
    person = runner.journal.notary.pseudonym(caller.tenant, "person", caller.person)
    # guard: archived actions of another
    return (place.tenant, place.agent, place.person) == (caller.tenant, caller.agent, person)
