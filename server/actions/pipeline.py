"""The path of an action: `act` is the table of ten steps in server/ARCHITECTURE.md.

`Pipeline.decide` is steps 2 to 5: resolve, read, decide on live attributes, count approvals. `Pipeline.act` decides,
takes the action's turn and sends (6 and 7), and decides anew where the world moved on in between; `finish` is steps 8
to 10. `ActionRunner` starts it for a fresh call, `RecoveryLoop` for what people have approved and for what a dead
process had sent. One pipeline works under one release. It neither decides nor sends by itself: Cedar decides
(`Decisions`), `ActionExecutor` sends.

- An approval MUST count only for this exact action in this exact state (invariant 2).
- Directly before every send the live release MUST permit it on live attributes (invariant 3).
- There MUST be one loop that decides again, and it MUST end: after eight decisions, or 90 seconds of waiting.
- An outage MUST take no approval away: the action is decided again, by this loop or a later one, until that expires.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from random import SystemRandom

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from contracts.compiler.expressions import Fault
from contracts.errors import AilyusError
from policies.approval import SignedApproval, count_by_role
from policies.decision import ApprovalRequired, Denied, Permitted, Unavailable
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.journal.halt import Halt
from receipts.journal.intent import Busy, DecisionBasis
from server.execution.action_review import ActionReviews
from server.execution.approval_request import valid_approvals
from server.execution.attempt import PermittedAction, SentAttempt
from server.execution.decisions import ApprovalCount
from server.execution.executor import ActionExecutor
from server.execution.fair_limiter import Slot
from server.execution.patience import (
    ApprovalPatience,
    approved_until_ms,
    has_waited,
    keeps_approval,
    left_approved,
)
from server.execution.resolved_action import ResolvedAction
from server.execution.undo import Compensation, undo_line
from server.results import answers

BUSY_SECONDS = 90.0
"""How long a call waits for what others hold."""
TRIES = 8
"""How often a decision is made anew when a halt, a rate or another action came in between."""
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5
_CHANCE = SystemRandom()


class Pipeline:
    """Takes single actions through the ten steps under one release."""

    def __init__(self, executor: ActionExecutor) -> None:
        self._executor = executor
        self._journal = executor.journal
        self._release = executor.release
        self.reviews = ActionReviews(executor)

    async def act(self, action: Action) -> ActionResult:
        """Steps 2 to 10, for a fresh call and for one that people have decided."""
        executor, slot = self._executor, None
        patience = ApprovalPatience()
        give_up, pause, tries = 0.0, FIRST_PAUSE_SECONDS, 0
        try:
            while tries < TRIES:
                decided = await self.decide(action)
                if isinstance(decided, ActionResult):
                    return decided
                if isinstance(decided, Unavailable):
                    self._release_slot(slot)
                    slot = None  # others need not wait for what this one waits for
                    if await patience.bears():
                        continue
                    return left_approved(action, decided)
                if slot is None:
                    slot = await self._slot(decided)
                    if slot.waited:  # what was read before the wait may be otherwise by now
                        continue
                sent = await executor.send(decided)
                if isinstance(sent, SentAttempt):
                    return await self._finish(sent, decided.approvals)
                if isinstance(sent, Unavailable) and tries + 1 < TRIES and await has_waited(sent):
                    tries += 1
                    continue
                if isinstance(sent, Unavailable) and await keeps_approval(self._journal, self._release, action, sent):
                    self._release_slot(slot)
                    slot = None
                    if await patience.bears():
                        continue
                    return left_approved(action, sent)
                if isinstance(sent, Denied):
                    return await executor.deny(decided.action, sent)
                if isinstance(sent, Busy):
                    # another replica, or what a dead process left, holds the connection or the resource
                    give_up = give_up or time.monotonic() + BUSY_SECONDS
                    pause = await self._wait_for_room(sent, give_up, pause)
                    continue
                self._release_slot(slot)
                slot = None
                if sent.counted:
                    # no try: each time another call got in, so whoever goes on gets in too, or sees it full
                    give_up = give_up or time.monotonic() + BUSY_SECONDS
                    pause = await _step_aside(give_up, pause)
                    continue
                tries += 1
                if sent.moved and not await self._may_decide_again(decided.basis):
                    raise AilyusError("release_changed", "contracts or policies changed in between")
        finally:
            self._release_slot(slot)
        raise _kept_changing()

    async def decide(self, action: Action) -> PermittedAction | ActionResult | Unavailable:
        """Steps 2 to 5: the action as it is permitted now, or how it ended or waits.

        `Unavailable`: people have approved it, nobody could be asked, and it is to be decided again.
        """
        executor, request, basis = self._executor, action.request, self._executor.basis
        if changed := self._stale_reason(request):
            return await executor.deny(action, Denied(changed), changed)
        if halt := self._journal.controls.halted(request):
            return await self._halted(action, halt)
        # a fresh call's token was verified just now; whoever waited for people is looked up again
        caller = action.caller if action.state == "new" else await executor.current(action.caller)
        if caller is None:
            return await executor.deny(action, Denied("the agent is not registered for this person any more"))
        resolved = executor.resolve(replace(action, caller=caller))
        if isinstance(resolved, Denied):
            return await executor.deny(replace(action, caller=caller), resolved)
        # before anything is read: what is in the record cannot turn it
        if full := await executor.decisions.denied_by_budget(resolved):  # guard: a full budget reads nothing
            return await executor.deny(resolved.action, full)
        before = await executor.observe(resolved.permit)
        resolved = resolved.told(before, self._release)
        decision = await executor.decisions.decide(resolved, before)
        if isinstance(decision, Unavailable) and await keeps_approval(self._journal, self._release, action, decision):
            return decision
        if isinstance(decision, Denied):
            return await executor.deny(resolved.action, decision)
        if done := await self._without_sending(resolved, before, decision):
            return done
        permitted = await self._approved(resolved, before, decision)
        if not isinstance(permitted, tuple):
            return permitted
        if done := await self._already_so(resolved, before, permitted[0]):
            return done
        if not resolved.program.is_write:
            return await self._read(resolved, before, permitted[0])
        return PermittedAction(resolved, before, *permitted, basis)

    async def finish(self, sent: SentAttempt) -> ActionResult:
        """Steps 8 to 10, for an action that was out when its process died: the store knows which approvals it used."""
        given = await self._journal.approvals(sent.action.id)
        used = [a for a in given if await self._journal.used_by(a.id) == sent.action.id]
        return await self._finish(sent, used)

    async def _finish(self, sent: SentAttempt, used: Sequence[SignedApproval]) -> ActionResult:
        undo = Compensation(self._executor, ApprovalCount(*count_by_role(used, self._executor.now())))
        return await self._executor.end(await self._executor.finish(sent, self.reviews, undo))

    # -- between decision and send -------------------------------------------------------------------------------------

    async def _slot(self, decided: PermittedAction) -> Slot:
        """The action's turn at its connection and its resource."""
        facts, target = decided.permitted.facts, decided.resolved.target
        resource = f"{facts.resource_type}/{facts.resource_id}"
        return await self._executor.limiter.acquire(target.name, target.max_in_flight, resource)

    def _release_slot(self, slot: Slot | None) -> None:
        if slot is not None:
            self._executor.limiter.release(slot)

    async def _wait_for_room(self, busy: Busy, give_up: float, pause: float) -> float:
        """Wait until the connection and the resource have room; returns how long the next wait pauses, in seconds."""
        if not busy.frees_soon:
            raise await self._over_its_minute(busy)
        while time.monotonic() <= give_up:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
            if await self._journal.has_room(busy.commit):
                return pause
        raise _kept_changing()

    async def _over_its_minute(self, busy: Busy) -> AilyusError:
        seconds = math.ceil(await self._journal.rate_retry_after_ms(busy.commit) / 1000)
        name, most = busy.commit.action.request.connection, busy.commit.limits.per_minute
        sentence = f"`{name}` is sent {most} actions a minute, not more"
        return AilyusError("rate_limited", sentence, hint=f"nothing was sent; call again in {max(1, seconds)} seconds")

    async def _may_decide_again(self, basis: DecisionBasis) -> bool:
        """Did a halt or a revocation come in between, under the same release? Else another call was first."""
        await self._journal.controls.look()
        return self._journal.epoch != basis.epoch and self._journal.controls.live == self._release.digest

    # -- the parts of a decision ---------------------------------------------------------------------------------------

    def _stale_reason(self, request: ActionRequest) -> str | None:
        """Is the request still one of the live release? A wait for people can outlive contracts and connections."""
        program, target = self._release.catalog.programs.get(request.contract), self._release.target(request)
        if program is None or program.digest != request.contract_digest:
            return "policy_changed"
        # a request that never had a target is denied early, like any other call that reaches nothing
        other = request.target_digest and (target is None or target.digest != request.target_digest)
        return "target_changed" if other else None

    async def _without_sending(
        self, resolved: ResolvedAction, before: Observation, decision: Permitted | ApprovalRequired
    ) -> ActionResult | None:
        """Every end that sends nothing although Cedar would let it: already so, a false `require`, a preview."""
        executor, action = self._executor, resolved.action
        if not resolved.program.is_write:
            return None
        permitted = isinstance(decision, Permitted)
        if ended := executor.ends.end_without_sending(resolved, before, decision.facts, decision.record, permitted):
            return await executor.end(ended)
        if not (action.caller.observe_only or action.preview):
            return None
        return await executor.end(
            executor.ends.preview(resolved, before, decision, undo_line(executor, resolved, before))
        )

    async def _already_so(
        self, resolved: ResolvedAction, before: Observation, permitted: Permitted
    ) -> ActionResult | None:
        """After people approved it: what already is so is not sent."""
        if not resolved.program.is_write or resolved.action.state == "new":
            return None
        ended = self._executor.ends.end_without_sending(resolved, before, permitted.facts, permitted.record)
        return await self._executor.end(ended) if ended else None

    async def _approved(
        self, resolved: ResolvedAction, before: Observation, decision: Permitted | ApprovalRequired
    ) -> tuple[Permitted, tuple[SignedApproval, ...]] | ActionResult:
        """Count the approvals that are bound to this exact action in this exact state, and decide again with them."""
        if isinstance(decision, Permitted):
            return decision, ()
        executor, action = self._executor, resolved.action
        review = await self.reviews.review(resolved, before, decision)
        if action.state == "new":
            return await self.reviews.ask(resolved, before, decision, review)
        valid = await valid_approvals(self._release, self._journal, action, review)
        if valid.void:
            return await executor.deny(action, Denied(valid.void, decision.record), valid.void)
        again = await executor.decisions.decide(resolved, before, valid.count)
        if isinstance(again, Permitted):
            return again, valid.approvals
        return await executor.deny(action, Denied("need_missing", decision.record), "need_missing")

    async def _halted(self, action: Action, halt: Halt) -> ActionResult:
        """What is new is denied; what people have approved waits until the halt is lifted."""
        if action.state != "new":
            return await self.held(action, halt)
        return await self._executor.deny(action, Denied(answers.halt_line(halt)), answers.halt_code(halt))

    async def held(self, action: Action, halt: Halt) -> ActionResult:
        """An approved action that a halt holds, as its agent is told."""
        return answers.held(action, action.receipt_id, halt, await approved_until_ms(self._journal, action))

    async def _read(self, resolved: ResolvedAction, before: Observation, permitted: Permitted) -> ActionResult:
        ended = self._executor.ends.read(resolved, before, permitted)
        if isinstance(ended, Fault):
            return await self._executor.deny(resolved.action, Denied(ended.sentence, permitted.record))
        return await self._executor.end(ended, self._executor.reviews(ended.action, permitted.record))


async def _step_aside(give_up: float, pause: float) -> float:
    """Let others take from a rate or a budget; returns how long the next pause may be, in seconds."""
    if time.monotonic() > give_up:
        raise _kept_changing()
    # each for another time: those that meet once would meet again
    await asyncio.sleep(_CHANCE.uniform(0, pause))
    return min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def _kept_changing() -> AilyusError:
    return AilyusError("budget_moved", "the limits, rates or policies it depends on kept changing")
