"""The path of an action: `perform` is the table of ten steps in server/ARCHITECTURE.md, line by line.

`Pipeline.call` is the way in for a tool call, `act` for what people have approved, and `finish` for what a dead process
had sent. `Gateway` calls the first; `RecoveryLoop` calls the others through `carry`. `Inbox` looks again through it
before a person signs. One pipeline belongs to one live release: `App` makes another when the release is replaced. It
neither decides nor sends by itself: Cedar decides (`Decider`), `ActionExecutor` sends, `Plans` carries plans.

- The same call, while it is open or held, MUST be the same action (invariant 5).
- An approval MUST count only for this exact action in this exact state (invariant 2).
- Directly before every send the live release MUST permit it on live attributes (invariant 3).
- A client that goes away MUST NOT cut an action in half, and what may have been sent MUST NOT be told as unsent.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from weakref import WeakValueDictionary

import structlog

from adapters.adapter import Adapter
from contracts.action.observation import Execution, Observation
from contracts.action.request import ActionRequest, Caller, ToolCall
from contracts.action.target import Target
from contracts.canonical import new_id
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.approval import SignedApproval, count
from policies.decision import ApprovalRequired, Denied, Permitted
from policies.release import Release
from policies.run_plan_schema import RUN_PLAN
from receipts.action.action import Action, Intent
from receipts.action.action_result import ActionResult
from receipts.journal.halt import Halt
from receipts.journal.intent import Busy, IntentCommit, StaleDecision
from receipts.journal.journal import Journal
from receipts.reconciliation.outputs import outputs_of
from receipts.statement.action_facts import DecisionFacts, OutcomeFacts
from receipts.statement.decision_record import decision_evidence, decision_facts
from receipts.store.transaction import Conflict
from server.execution.approval_request import ApprovalReview, ReviewedRequest, asked_now, counted
from server.execution.attempt import PermittedAction, SentAttempt
from server.execution.evidence import kept, readings, seen
from server.execution.executor import ActionExecutor
from server.execution.fair_limiter import FairLimiter, Slot
from server.execution.undo import Compensation, undo_line
from server.observability import tracing
from server.observability.tracing import TracedSteps
from server.plans.preflight import needs_of
from server.plans.runner import Plans
from server.results import answers

log = structlog.get_logger()
ANSWER_WITHIN = 20.0
"""Seconds after which a call that is not finished answers `running`."""
BUSY_SECONDS = 90.0
"""How long a call waits for what others hold."""
TRIES = 8
"""How often a decision is made anew when a halt, a rate or another action came in between."""


class Pipeline:
    """Carries actions through for one live release."""

    def __init__(
        self,
        journal: Journal,
        release: Release,
        adapter: Adapter,
        current: Callable[[Caller], Awaitable[Caller | None]],
        former: "Pipeline | None" = None,
    ) -> None:
        self.journal = journal
        self.release = release
        self.adapter = adapter
        self.lanes: FairLimiter = former.lanes if former else FairLimiter()
        self.steps = (TracedSteps if tracing.is_on() else ActionExecutor)(
            journal, release, adapter, current, self.lanes
        )
        self.plans = Plans(self.steps)
        self._current = current
        self._looking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: dict[str, tuple[Action, asyncio.Task[ActionResult]]] = former._running if former else {}

    async def retire(self) -> None:
        """Let what is on its way under this release finish, then give its connections back."""
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks)
        await self.adapter.close()

    # -- the way in ----------------------------------------------------------------------------------------------------

    async def call(
        self, call: ToolCall, caller: Caller, begun: Callable[[Action], None] = lambda action: None
    ) -> ActionResult:
        """Answer one tool call. The action runs in a task of its own: a client that goes away never cuts it in half."""
        plan = call.name == RUN_PLAN or self.release.plans.knows(call.name)
        # guard: a release of another replica
        if self.journal.store.shared and self.journal.controls.live != self.release.digest:
            # INVARIANT: nothing is decided by policies that another replica has replaced
            fault = AilyusError("release_changed", "another replica has released other contracts or policies")
            return answers.invalid(fault, call.name)
        try:
            if plan:
                request = (await asyncio.to_thread(self.release.plans.parse, call, caller)).request
            else:
                request = self.release.calls.parse(call, caller)
        except AilyusError as error:
            return answers.invalid(error, call.name, self._finder(call, error))
        if tracing.is_on():
            request = replace(request, trace=tracing.carrier())
        preview = request.kind == "write" and call.arguments.get("preview") is True
        key = new_id("read") if preview or request.kind == "read" else request.call_key
        # INVARIANT: the same call, while it is open or held, is the same action.
        async with self._looking.setdefault(key, asyncio.Lock()):  # two that look at once would both find nothing
            if key not in self._running:
                asks = request.kind == "write" and not preview
                latest, refused = await self.journal.latest(request) if asks else (None, None)
                # INVARIANT: a person's no holds whatever key the caller gives the call
                known = self.journal.same_call(latest) or refused  # guard: a no and the caller's key
                if known is not None and known.result is not None:
                    return await self._elsewhere(known)
                action = Action(
                    new_id("act"), request, caller, created_ms=self._now(), first=latest is None, preview=preview
                )
                self.carry(key, action, self.plans.perform(action) if plan else self.act(action))
        begun(self._running[key][0])
        return await self._patiently(key)

    def carry(self, key: str, action: Action, work: Coroutine[None, None, ActionResult]) -> asyncio.Task[ActionResult]:
        """Run one action's work in a task of its own, at most one per call key."""
        guarded = self._guarded(action, work)
        task = asyncio.create_task(self._traced(action, guarded) if tracing.is_on() else guarded)
        self._running[key] = (action, task)
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    def is_carrying(self, key: str) -> bool:
        """Is a task of this process at work on this call?"""
        return key in self._running

    def carrying(self) -> set[str]:
        """The ids of everything that a task of this process is at work on."""
        return {action.id for action, _ in self._running.values()}

    def carried(self, action_id: str) -> Action | None:
        """An action that a task of this process is at work on, also before anything of it is committed."""
        return next((action for action, _ in self._running.values() if action.id == action_id), None)

    async def _patiently(self, key: str) -> ActionResult:
        action, task = self._running[key]
        done, _ = await asyncio.wait([task], timeout=ANSWER_WITHIN)
        if done:
            return task.result()
        known = await self.journal.get(action.id)
        if known is not None and known.plan is not None:
            return await self.plans.progress(known)
        return answers.running(action.id, known.receipt_id if known else None)

    async def _traced(self, action: Action, work: Coroutine[None, None, ActionResult]) -> ActionResult:
        with tracing.carried(action) as ended:
            answer = await work
            ended.append(answer.status)
            return answer

    async def _guarded(self, action: Action, work: Coroutine[None, None, ActionResult]) -> ActionResult:
        """Faults become answers, and an action that may have been sent never says that it was not."""
        try:
            return await work
        except Conflict:
            # another call with the same identity was first, or the release moved on: nothing was sent
            fault = AilyusError("release_changed", "contracts or policies changed in between")
        except AilyusError as error:
            fault = error
        except Exception:  # the last line of defence: nothing of an exception reaches an agent
            log.exception("action_fault", action=action.id)
            fault = AilyusError("internal", "the gateway met a fault of its own")
        latest, _ = await self.journal.latest(action.request)
        known = self.journal.same_call(latest) or await self.journal.get(action.id)
        if known is not None and known.result is not None:
            return await self._elsewhere(known)
        return answers.invalid(fault, action.request.contract)

    async def _elsewhere(self, known: Action) -> ActionResult:
        """What became of a call that another replica carries, or carried; of any other, what is known."""
        end = time.monotonic() + ANSWER_WITHIN
        with self.journal.watching(known.id) as watch:
            while self.journal.store.shared and known.state in ("ready", "running"):
                left = end - time.monotonic()
                if left <= 0 or self.carried(known.id):
                    break
                await watch.change(left)
                known = await self.journal.get(known.id) or known
        if known.state == "ready" and (halt := self.halt_of(known)):
            return await (self.held(known, halt) if known.plan is None else self.plans.progress(known))
        return known.result or answers.running(known.id, None)

    # -- the path ------------------------------------------------------------------------------------------------------

    async def act(self, action: Action) -> ActionResult:
        """`perform`, again where a limit was reached or a halt, a rate or a revocation came in between."""
        for _ in range(TRIES):
            epoch, under = self.journal.epoch, self.release.digest
            try:
                return await self.perform(action)
            except StaleDecision:
                continue
            except Busy as busy:
                if not busy.soon:
                    raise await self._over_its_minute(busy.wanted) from None
                break
            except Conflict:
                await self.journal.controls.look()
                if self.journal.epoch == epoch or self.journal.controls.live != under:
                    raise
        raise AilyusError("budget_moved", "the limits, rates or policies it depends on kept changing")

    async def _over_its_minute(self, wanted: IntentCommit) -> AilyusError:
        seconds = math.ceil(await self.journal.minute_ends_in(wanted) / 1000)
        sentence = f"`{wanted.action.request.connection}` is sent {wanted.limits.per_minute} actions a minute, not more"
        return AilyusError("rate_limited", sentence, hint=f"nothing was sent; call again in {max(1, seconds)} seconds")

    async def perform(self, action: Action, place: Slot | None = None) -> ActionResult:
        """Steps 2 to 7, for a fresh call and for one that people have decided; `finish` is 8 to 10."""
        request, under = action.request, (self.release.digest, self.journal.epoch)
        if changed := self._moved_on(request):
            return await self.steps.end(self.steps.denied(action, Denied(changed), changed))
        if halt := self.journal.controls.halted(request):
            return await self._halted(action, halt)
        # a fresh call's token was verified just now; whoever waited for people is looked up again
        caller = action.caller if action.state == "new" else await self._current(action.caller)
        if caller is None:
            gone = Denied("the agent is not registered for this person any more")
            return await self.steps.end(self.steps.denied(action, gone))
        action = replace(action, caller=caller)
        program, target = self.release.catalog.programs[request.contract], self.release.target(request)
        look = self.release.decider.may_observe(request, action.caller, target)
        if isinstance(look, Denied) or target is None:
            return await self.steps.end(
                self.steps.denied(action, look if isinstance(look, Denied) else Denied("no connection"))
            )
        before = await self.adapter.observe(look)
        decision = await self.steps.decide(action, program, target, before)
        if isinstance(decision, Denied):
            return await self.steps.end(self.steps.denied(action, decision))
        if done := await self._without_sending(action, program, target, before, decision):
            return done
        permitted = await self._approved(action, program, target, before, decision)
        if not isinstance(permitted, tuple):
            return permitted
        if done := await self._already_so(action, program, target, before, permitted[0]):
            return done
        if not program.is_write:
            return await self._read(action, program, target, before, permitted[0])
        ready = PermittedAction(action, program, target, before, *permitted, under, self._still_permitted)
        return await self._in_turn(ready, place)

    async def _in_turn(self, ready: PermittedAction, place: Slot | None) -> ActionResult:
        """Send and see it through, in its turn at the connection and the resource; a wait means to look again."""
        if place is not None:
            return await self._send(ready)
        facts, target = ready.permitted.facts, ready.target
        place = await self.lanes.enter(target.name, target.max_in_flight, f"{facts.resource_type}/{facts.resource_id}")
        try:
            return await (self.perform(ready.action, place) if place.waited else self._send(ready))
        except Busy as busy:
            if not busy.soon:
                raise
            return await self._after_others(ready, place, busy)
        finally:
            self.lanes.leave(place)

    async def _after_others(self, ready: PermittedAction, place: Slot, busy: Busy) -> ActionResult:
        """Another replica, or what a dead process left, holds the connection or the resource: look again after it."""
        end = time.monotonic() + BUSY_SECONDS
        pause = 0.05
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.5)
            try:
                if await self.journal.has_room(busy.wanted):
                    return await self.perform(ready.action, place)
            except Busy as again:
                busy = again
            if time.monotonic() > end:
                raise busy

    async def _send(self, ready: PermittedAction) -> ActionResult:
        """Steps 6 and 7: commit the signed intent, then act."""
        sent = await self.steps.send(ready)
        if isinstance(sent, Denied):
            return await self.steps.end(self.steps.denied(ready.action, sent))
        return await self.finish(sent)

    async def finish(self, sent: SentAttempt) -> ActionResult:
        """Steps 8 to 10, for an action that is out or was when its process died."""
        undo = Compensation(self.steps, *(await self._used(sent.action)))
        return await self.steps.end(await self.steps.finish(sent, undo.orphan))

    def sent_before(self, action: Action, intent: Intent, execution: Execution) -> SentAttempt:
        """An attempt of an earlier life, to be finished."""
        return SentAttempt(action, intent, intent.before, execution, (execution,), self._still_permitted)

    # -- the steps -----------------------------------------------------------------------------------------------------

    def _moved_on(self, request: ActionRequest) -> str | None:
        """Is the request still one of the live release? A wait for people can outlive contracts and connections."""
        program, target = self.release.catalog.programs.get(request.contract), self.release.target(request)
        if program is None or program.digest != request.contract_digest:
            return "policy_changed"
        # a request that never had a target is denied early, like any other call that reaches nothing
        return (
            "target_changed"
            if request.target_digest and (target is None or target.digest != request.target_digest)
            else None
        )

    async def _without_sending(
        self,
        action: Action,
        program: Program,
        target: Target,
        before: Observation,
        decision: Permitted | ApprovalRequired,
    ) -> ActionResult | None:
        """Every end that sends nothing although Cedar would let it: already so, a false `require`, a preview."""
        if not program.is_write:
            return None
        permitted = isinstance(decision, Permitted)
        facts_now, record = decision.facts, decision.record
        if ended := self.steps.without_sending(action, program, target, before, facts_now, record, permitted):
            return await self.steps.end(ended)
        if not (action.caller.observe_only or action.preview):
            return None
        receipt = new_id("rcp")
        needs = decision.needs if isinstance(decision, ApprovalRequired) else ()
        evidence = readings("before", kept(program, before, self.journal.hiding)) | decision_evidence(decision.record)
        about = self.steps.about(action, decision.facts)
        scope = {**self.steps.base(program, action.request, target), **before.scope("before")}
        undo = undo_line(self.steps, program, action, before)
        answer = answers.previewed(action, receipt, needs, program, scope, undo)
        facts = DecisionFacts(
            decision=decision_facts(decision.record),
            attempts=(),
            before=seen(before),
            called_ms=action.created_ms,
            needs=needs_of(needs),
            answer=answer.digest,
        )
        sealed = self.steps.seal(facts, receipt, about, "previewed", False, evidence)
        held = 0 if action.preview else self._now() + program.contract.repeat_window
        await self.journal.end(action, sealed, "previewed", answer, held)
        return answer

    async def _already_so(
        self, action: Action, program: Program, target: Target, before: Observation, permitted: Permitted
    ) -> ActionResult | None:
        """After people approved it: what already is so is not sent."""
        if not program.is_write or action.state == "new":
            return None
        ended = self.steps.without_sending(action, program, target, before, permitted.facts, permitted.record)
        return await self.steps.end(ended) if ended else None

    async def _approved(
        self,
        action: Action,
        program: Program,
        target: Target,
        before: Observation,
        decision: Permitted | ApprovalRequired,
    ) -> tuple[Permitted, tuple[SignedApproval, ...]] | ActionResult:
        """Count the approvals that are bound to this exact action in this exact state, and decide again with them."""
        if isinstance(decision, Permitted):
            return decision, ()
        weighed = await self.weighed(action, program, target, before, decision)
        if action.state == "new":
            return await self._ask(action, before, decision, weighed)
        known = await counted(self.release, self.journal, action, weighed)
        if known.void:
            return await self.steps.end(self.steps.denied(action, Denied(known.void, decision.record), known.void))
        again = await self.steps.decide(action, program, target, before, known.roles, known.oldest_seconds)
        if isinstance(again, Permitted):
            return again, known.approvals
        return await self.steps.end(self.steps.denied(action, Denied("need_missing", decision.record), "need_missing"))

    async def weighed(
        self, action: Action, program: Program, target: Target, before: Observation, required: ApprovalRequired
    ) -> ApprovalReview:
        """What would be asked of people now, and what their word is compared with."""
        part = ReviewedRequest(
            action.request, required.facts, await self.steps.circumstances(action, required.facts), required.needs
        )
        undo = undo_line(self.steps, program, action, before)
        return ApprovalReview(
            asked_now(self.release, action, program, target, before, required, undo, self.journal.hiding), (part,)
        )

    async def _ask(
        self, action: Action, before: Observation, required: ApprovalRequired, weighed: ApprovalReview
    ) -> ActionResult:
        receipt = new_id("rcp")
        program = self.release.catalog.programs[action.request.contract]
        action = replace(action, expires_ms=self._now() + program.contract.approval_valid)
        asked = weighed.asked.model_copy(update={"expires_ms": action.expires_ms})
        facts = DecisionFacts(
            decision=decision_facts(required.record),
            needs=needs_of(required.needs),
            display=asked.display.digest,
            before=seen(before),
            called_ms=action.created_ms,
            expires_ms=action.expires_ms,
        )
        evidence = readings("before", kept(program, before, self.journal.hiding)) | decision_evidence(required.record)
        evidence["asked"] = document = asked.model_dump_json().encode()
        about = self.steps.about(action, required.facts)
        sealed = self.steps.seal(facts, receipt, about, "approval_required", False, evidence)
        answer = answers.waiting(action, receipt, required.needs, action.expires_ms)
        await self.journal.ask(action, sealed, document, answer, action.expires_ms)
        return answer

    async def _still_permitted(
        self, action: Action, program: Program, target: Target, before: Observation
    ) -> Permitted | None:
        """Directly before every send: live release, live attributes, the approvals that this action used."""
        decision = await self.steps.decide(action, program, target, before)
        if isinstance(decision, ApprovalRequired):
            weighed = await self.weighed(action, program, target, before, decision)
            mine = await counted(self.release, self.journal, action, weighed, mine=True)
            decision = await self.steps.decide(action, program, target, before, mine.roles, mine.oldest_seconds)
        return decision if isinstance(decision, Permitted) else None

    async def _used(self, action: Action) -> tuple[Mapping[str, int], int]:
        """The approvals that an action used, by role, and the age of the oldest in seconds."""
        given = await self.journal.approvals(action.id)
        return count([a for a in given if await self.journal.used_by(a.id) == action.id], self._now())

    # -- the ends ------------------------------------------------------------------------------------------------------

    async def _halted(self, action: Action, halt: Halt) -> ActionResult:
        """What is new is denied; what people have approved waits until the halt is lifted."""
        if action.state != "new":
            return await self.held(action, halt)
        return await self.steps.end(self.steps.denied(action, Denied(answers.halt_line(halt)), answers.halt_code(halt)))

    def halt_of(self, action: Action) -> Halt | None:
        """The halt that stops this action, or a step of this plan, now."""
        if action.plan is not None:
            return self.plans.halt_of(action)
        return self.journal.controls.halted(action.request)

    async def held(self, action: Action, halt: Halt) -> ActionResult:
        """An approved action that a halt holds, as its agent is told."""
        return answers.held(action, action.receipt_id, halt, await self.held_until(action))

    async def held_until(self, action: Action) -> int:
        """Until when the approvals of an action may still be used, in milliseconds since the epoch."""
        given = [a.binding.expires_ms for a in await self.journal.approvals(action.id)]
        return min([*given, action.expires_ms])

    async def _read(
        self, action: Action, program: Program, target: Target, before: Observation, permitted: Permitted
    ) -> ActionResult:
        scope = {**self.steps.base(program, action.request, target), **before.scope("before")}
        outputs = outputs_of(program, scope)
        if isinstance(outputs, Fault):
            return await self.steps.end(self.steps.denied(action, Denied(outputs.sentence, permitted.record)))
        receipt = new_id("rcp")
        answer = answers.read(action, receipt, outputs, before.at_ms)
        facts = OutcomeFacts(
            decision=decision_facts(permitted.record),
            observer=before.channel,
            before=seen(before),
            answer=answer.digest,
            called_ms=action.created_ms,
        )
        evidence = readings("before", kept(program, before, self.journal.hiding)) | decision_evidence(permitted.record)
        about = self.steps.about(action, permitted.facts)
        sealed = self.steps.seal(facts, receipt, about, "confirmed", False, evidence)
        await self.journal.end(action, sealed, "confirmed", answer, 0)
        return answer

    # -- small things --------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return self.journal.store.now_ms()

    def _finder(self, call: ToolCall, error: AilyusError) -> str | None:
        program = self.release.catalog.programs.get(call.name)
        name = (error.field or "").split("/")[1:2]
        return program.inputs.finders.get(name[0]) if program and name else None
