"""Durable progress: carry approved actions on, finish what a dead process began, expire what nobody decided.

`RecoveryLoop` looks twice a second at every action that is not people's turn (`scan`), and at one action when somebody
calls `resume`. `App` starts it, `Inbox` calls it after a decision. It is level-triggered and idempotent: whoever may
call `resume` may call it at any time. Correctness lives in the journal: of two that carry the same action on, one
matches no row. It does not say what may be sent again: `reconcile` does, and `Pipeline` and `Plans` carry it out.

- An approved action MUST go on only if a signed statement says that an agent asked for it (`is_vouched`), and one that
  was out only from its signed intent.
- What a dead process had sent MUST be taken over under a higher fence as in doubt, and read back first (invariant 4).
- What was open when a loss was accepted MUST be sent no more: it is read back, or it ends.
- What a halt holds, another's lease covers or an undo is at work on MUST be left alone.
- What is open MUST be signed and logged every five minutes, so that silence is visible.
- An action that cannot be looked at MUST keep no other waiting.
- What another floor adds (a notice to a webhook that is slow, the refresh of tokens) MUST keep none of this waiting.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import orjson
import structlog

from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.journal.lease import LEASE_MS
from receipts.statement.gateway_facts import StateFacts
from receipts.store.transaction import Conflict
from server.actions.chore import Chore, Chores
from server.actions.live_release import LiveRelease
from server.actions.runner import ActionRunner
from server.execution.attempt import interrupted_attempt

T = TypeVar("T")
SCAN_SECONDS = 0.5
STATE_SECONDS = 300.0
"""How often the open intents are signed and logged, so that silence is visible."""
log = structlog.get_logger()


class RecoveryLoop:
    """Makes progress on every action that is not somebody's turn."""

    def __init__(
        self,
        runner: ActionRunner,
        expire: Callable[[Action], Awaitable[None]],
        further: Sequence[Chore] = (),
    ) -> None:
        self._runner = runner
        self._journal = runner.journal
        self._expire = expire
        self._long: set[str] = set()
        own = (
            Chore("scan", self.scan, SCAN_SECONDS),
            Chore("expiry", self._expire_waiting, SCAN_SECONDS),
            Chore("handles", self._journal.handles.forget_expired, SCAN_SECONDS),
            Chore("state", self.log_open_actions, STATE_SECONDS),
            Chore("renewal", self._renew, LEASE_MS / 3000),
        )
        self._chores = Chores((*own, *further))

    async def start(self) -> None:
        """Take over from a dead owner, then look for ever."""
        journal = self._journal
        if not journal.store.shared:
            await journal.end_leases()
        await self.scan()
        self._chores.start()

    async def stop(self) -> None:
        """Stop looking; actions on their way finish by themselves."""
        await self._chores.stop()

    @property
    def is_alive(self) -> bool:
        """Does it look, from its start to its stop?"""
        return self._chores.is_alive

    async def resume(self, action_id: str) -> None:
        """Carry one action on, if it is its turn."""
        action = await self._journal.get(action_id)
        if action is not None:
            await self._resume(action)

    async def scan(self) -> list[asyncio.Task[ActionResult]]:
        """Look at every action that is not people's turn."""
        actions = await self._journal.resumable()
        return [task for action in actions if (task := await _apart(action, self._resume)) is not None]

    async def _resume(self, action: Action) -> asyncio.Task[ActionResult] | None:
        runner, live = self._runner, self._runner.live
        key = action.request.call_key if action.request.kind == "write" else action.id
        if runner.is_running(key):
            return None
        if self._journal.is_unsendable(action) and action.state == "ready" and not action.sent_ms:
            with contextlib.suppress(Conflict):  # another replica did
                await self._expire(action)
            return None
        if action.plan is not None:
            return await self._resume_plan(key, action)
        if action.state == "ready":
            # INVARIANT: nothing is carried on that no signed statement says an agent asked for
            # guard: only what an agent asked for goes on
            if self._journal.controls.halted(action.request) or not await self._journal.is_vouched(action):
                return None
            return None if runner.is_running(key) else runner.start(key, action, live.pipeline.act(action))
        if action.request.contract not in live.release.catalog.programs and action.state == "running":
            return None  # without its contract nothing can be read back: it stays open, and `ailyus doctor` counts it
        if action.state == "running" and await self._is_orphaned(action) and not runner.is_running(key):
            return runner.start(key, action, self._recover(live, action))
        return None

    async def _resume_plan(self, key: str, action: Action) -> asyncio.Task[ActionResult] | None:
        runner, plans = self._runner, self._runner.plans
        if self._journal.is_unsendable(action):
            if action.state == "running" and not (await self._is_orphaned(action) and await plans.is_readable(action)):
                return None
            return None if runner.is_running(key) else runner.start(key, action, plans.abandon(action))
        if action.state == "ready" and not plans.is_halted(action):
            if not await self._journal.is_vouched(action) or runner.is_running(key):
                return None
            return runner.start(key, action, plans.perform(action))
        if action.state != "running" or not await self._is_orphaned(action):
            return None
        if not await self._journal.is_vouched(action):
            return None
        if await plans.is_readable(action) and not runner.is_running(key):
            return runner.start(key, action, plans.recover(action))
        return None

    async def _is_orphaned(self, action: Action) -> bool:
        """Does nobody carry it on, here or elsewhere, and is nothing of it being taken back?"""
        return await self._journal.lease_ended(action.id) and not await self._journal.being_undone(action.id)

    async def _recover(self, live: LiveRelease, action: Action) -> ActionResult:
        """Finish an action whose process died: in doubt is a state, and the three-way probe settles it."""
        intent = await live.executor.take_over(action)
        return await live.pipeline.finish(interrupted_attempt(replace(action, fence=intent.fence), intent))

    async def _renew(self) -> None:
        """Keep what is under way here for longer than a third of a lease."""
        now = self._runner.running_ids()
        long, self._long = self._long, now
        await self._journal.renew(now & long)

    async def log_open_actions(self) -> None:
        """Sign and log what is open now: a `state` statement."""
        journal = self._journal
        open_now = await journal.open()
        subject = {"open": sha256(orjson.dumps(open_now))}
        facts = StateFacts(
            running=sum(state == "running" for _, state in open_now),
            waiting=sum(state == "waiting" for _, state in open_now),
            actions=tuple(action for action, _ in open_now[:1000]),
        )
        sealed = journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", subject, journal.store.now_ms())
        await journal.store.write(sealed.insert)

    async def _expire_waiting(self) -> None:
        journal = self._journal
        for action in await journal.expired():
            await _apart(action, self._expire)


async def _apart(action: Action, work: Callable[[Action], Awaitable[T]]) -> T | None:
    """What the work makes of this action. One that it fails for is logged, and keeps no other action waiting."""
    try:
        return await work(action)
    except Conflict:
        return None  # somebody else was first, and the next look sees what they did
    except AilyusError as error:
        if error.code == "store_unavailable":  # that is so for every action, and ends this look
            raise
        log.warning("action_not_resumed", action=action.id, code=error.code)
    except Exception:  # a fault of our own, too: the actions behind it have nothing to do with it
        log.exception("action_not_resumed", action=action.id)
    return None
