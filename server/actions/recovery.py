"""Durable progress: carry approved actions on, finish what a dead process began, expire what nobody decided.

`RecoveryLoop` looks twice a second at every action that is not people's turn (`sweep`), and at one action when somebody
calls `wake`. `App` starts it, `Inbox` wakes it after a decision. It is level-triggered and idempotent: whoever may call
`wake` may call it at any time. Correctness lives in the journal: of two that carry the same action on, one matches no
row. It does not say what may be sent again: `reconcile` does, and `Pipeline` and `Plans` carry it out.

- An approved action MUST go on only if a signed statement says that an agent asked for it (`is_vouched`), and one that
  was out only from its signed intent.
- What a dead process had sent MUST be taken over under a higher fence as in doubt, and read back first (invariant 4).
- What a halt holds, another's lease covers or an undo is at work on MUST be left alone.
- What is open MUST be signed and logged every five minutes, so that silence is visible.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import orjson
import structlog

from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.journal.journal import LEASE_MS, Journal
from receipts.statement.gateway_facts import StateFacts
from receipts.store.transaction import Conflict
from server.actions.pipeline import Pipeline
from server.execution.attempt import died

SWEEP_SECONDS = 0.5
STATE_SECONDS = 300.0
"""How often the open intents are signed and logged, so that silence is visible."""
log = structlog.get_logger()


class RecoveryLoop:
    """Makes progress on every action that is not somebody's turn."""

    def __init__(
        self,
        pipeline: Callable[[], Pipeline],
        expire: Callable[[Action], Awaitable[None]],
        chores: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._pipeline = pipeline
        self._expire = expire
        self._chores = chores
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take over from a dead owner, then sweep for ever."""
        journal = self._pipeline().journal
        if not journal.store.shared:
            await journal.end_leases()
        await self.sweep()
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._renew())]

    async def stop(self) -> None:
        """Stop sweeping; actions on their way finish by themselves."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def wake(self, action_id: str) -> None:
        """Carry one action on, if it is its turn."""
        action = await self._pipeline().journal.get(action_id)
        if action is not None:
            await self._drive(action)

    async def sweep(self) -> list[asyncio.Task[ActionResult]]:
        """Look at every action that is not people's turn."""
        return [task for action in await self._pipeline().journal.moving() if (task := await self._drive(action))]

    async def _drive(self, action: Action) -> asyncio.Task[ActionResult] | None:
        pipeline = self._pipeline()
        key = action.request.call_key if action.request.kind == "write" else action.id
        if pipeline.is_carrying(key):
            return None
        journal, release = pipeline.journal, pipeline.release
        if action.plan is not None:
            return await self._drive_plan(pipeline, key, action)
        if action.state == "ready":
            # INVARIANT: nothing is carried on that no signed statement says an agent asked for
            # guard: only what an agent asked for goes on
            if journal.controls.halted(action.request) or not await journal.is_vouched(action):
                return None
            return None if pipeline.is_carrying(key) else pipeline.carry(key, action, pipeline.act(action))
        if action.request.contract not in release.catalog.programs and action.state == "running":
            return None  # without its contract nothing can be read back: it stays open, and `ailyus doctor` counts it
        if action.state == "running" and await self._is_left(journal, action) and not pipeline.is_carrying(key):
            return pipeline.carry(key, action, self._recover(action))
        return None

    async def _drive_plan(self, pipeline: Pipeline, key: str, action: Action) -> asyncio.Task[ActionResult] | None:
        plans = pipeline.plans
        if action.state == "ready" and not plans.is_halted(action):
            if not await pipeline.journal.is_vouched(action) or pipeline.is_carrying(key):
                return None
            return pipeline.carry(key, action, plans.perform(action))
        if action.state != "running" or not await self._is_left(pipeline.journal, action):
            return None
        if not await pipeline.journal.is_vouched(action):
            return None
        if await plans.is_readable(action) and not pipeline.is_carrying(key):
            return pipeline.carry(key, action, plans.recover(action))
        return None

    async def _is_left(self, journal: Journal, action: Action) -> bool:
        """Does nobody carry it on, here or elsewhere, and is nothing of it being taken back?"""
        return await journal.lease_ended(action.id) and not await journal.being_undone(action.id)

    async def _recover(self, action: Action) -> ActionResult:
        """Finish an action whose process died: in doubt is a state, and the three-way probe settles it."""
        pipeline = self._pipeline()
        intent = await pipeline.steps.take_over(action)
        taken = replace(action, fence=intent.fence)
        return await pipeline.finish(pipeline.sent_before(taken, intent, died(intent)))

    async def _run(self) -> None:
        said = time.monotonic()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
                await self._expire_waiting()
                await self._pipeline().journal.handles.forget_expired()
                for chore in self._chores:
                    await chore()
                if time.monotonic() - said >= STATE_SECONDS:
                    said = time.monotonic()
                    await self.say_state()
            except Conflict:
                continue  # somebody decided in between
            except AilyusError as error:
                log.warning("sweep", code=error.code)

    async def _renew(self) -> None:
        """Keep what is under way here for longer than a third of a lease."""
        long: set[str] = set()
        while True:
            await asyncio.sleep(LEASE_MS / 3000)
            pipeline = self._pipeline()
            now = pipeline.carrying()
            try:
                await pipeline.journal.renew(now & long)
            except AilyusError as error:
                log.warning("renewal", code=error.code)
            long = now

    async def say_state(self) -> None:
        """Sign and log what is open now: a `state` statement."""
        journal = self._pipeline().journal
        open_now = await journal.open()
        subject = {"open": sha256(orjson.dumps(open_now))}
        facts = StateFacts(
            running=sum(state == "running" for _, state in open_now),
            waiting=sum(state == "waiting" for _, state in open_now),
            actions=tuple(action for action, _ in open_now[:1000]),
        )
        sealed = journal.notary.seal_plain(facts, new_id("rcp"), "", subject, journal.store.now_ms())
        await journal.store.write(sealed.insert)

    async def _expire_waiting(self) -> None:
        journal = self._pipeline().journal
        for action in await journal.expired():
            await self._expire(action)
