"""The way in for a tool call, and the tasks of all actions that this process is at work on.

`ActionRunner.call` is step 1 of the path: it parses the call under the live release, finds the action that the same
call already is, and else starts one. `Gateway` calls it; `RecoveryLoop` starts what people have approved and what a
dead process had begun (`start`). It lives as long as the gateway; when a release is replaced (`replace`), each action
goes on under the one that it began with. It neither decides nor sends: `Pipeline` and `Plans` do.

- The same call, while it is open or held, MUST be the same action (invariant 5).
- A client that goes away MUST NOT cut an action in half, and what may have been sent MUST NOT be told as unsent.
- Nothing MUST be decided by policies that another replica has replaced (invariant 8).
- The connections of a former release MUST stay open until the last action under it has ended.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

import structlog

from contracts.action.request import Caller, ToolCall
from contracts.canonical import new_id
from contracts.errors import AilyusError
from policies.release import Release
from policies.run_plan_schema import RUN_PLAN
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.archive.archive_reader import ArchiveReader
from receipts.journal.halt import Halt
from receipts.journal.journal import Journal
from receipts.store.transaction import Conflict
from server.actions.live_release import LiveRelease
from server.execution.executor import ActionExecutor
from server.observability import logs, metrics, tracing
from server.plans.runner import Plans
from server.results import answers

log = structlog.get_logger()
ANSWER_WITHIN = 20.0
"""Seconds after which a call that is not finished answers `running`."""
CATCH_UP = 5.0
"""Seconds for which a call waits until what another replica has released is live here too."""
SWAP = 1.0
"""The same for what this process has released: only the swap is left to wait for."""


@dataclass(frozen=True, slots=True)
class RunningAction:
    """An action and the task of this process that is at work on it."""

    action: Action
    task: "asyncio.Task[ActionResult]"


class ActionRunner:
    """Runs actions, each in a task of its own, at most one for each call."""

    def __init__(self, journal: Journal, live: LiveRelease, archives: ArchiveReader) -> None:
        self.journal = journal
        self.archives = archives
        self.live = live
        # weak: a lock lives as long as somebody holds it, so that calls of the past take no memory
        self._looking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: dict[str, RunningAction] = {}
        self._replaced = asyncio.Event()
        self._answers_now = asyncio.Event()

    @property
    def release(self) -> Release:
        """The live release."""
        return self.live.release

    @property
    def executor(self) -> ActionExecutor:
        """What sends under the live release."""
        return self.live.executor

    @property
    def plans(self) -> Plans:
        """What carries plans under the live release."""
        return self.live.plans

    def replace(self, live: LiveRelease) -> LiveRelease:
        """From now on actions begin under this release; returns the former one, to be retired."""
        former, self.live = self.live, live
        self._replaced.set()
        self._replaced = asyncio.Event()
        return former

    @property
    def _is_behind(self) -> bool:
        """Is another release live already than the one that this process works under?"""
        return self.journal.controls.live != self.live.release.digest

    async def _caught_up(self) -> None:
        """Wait until this process works under the live release, for a few seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP if self.journal.store.shared else SWAP):
                while self._is_behind:
                    await self._replaced.wait()

    async def retire(self, live: LiveRelease) -> None:
        """Let what is on its way under this release finish, then give its connections back."""
        tasks = [running.task for running in self._running.values()]
        if tasks:
            await asyncio.wait(tasks)
        await live.executor.adapter.close()

    # -- the way in ----------------------------------------------------------------------------------------------------

    async def call(
        self, call: ToolCall, caller: Caller, on_started: Callable[[Action], None] = lambda action: None
    ) -> ActionResult:
        """Answer one tool call. The action runs in a task of its own: a client that goes away never cuts it in half."""
        answer = await self._call(call, caller, on_started)
        if answer.error is not None and answer.error.code == "release_changed":
            # nothing of it is committed: it is the same call under the release that came in between
            answer = await self._call(call, caller, on_started)
        return answer

    async def _call(self, call: ToolCall, caller: Caller, on_started: Callable[[Action], None]) -> ActionResult:
        if self._is_behind:
            await self._caught_up()
        live = self.live
        is_plan = call.name == RUN_PLAN or live.release.plans.knows(call.name)
        # guard: a release of another replica
        if self.journal.store.shared and self._is_behind:
            # INVARIANT: nothing is decided by policies that another replica has replaced
            fault = AilyusError("release_changed", "another replica has released other contracts or policies")
            return answers.invalid(fault, call.name)
        try:
            with metrics.time_step("parse"):
                if is_plan:  # unfolding a large plan takes a tenth of a second: off the loop
                    request = (await asyncio.to_thread(live.release.plans.parse, call, caller)).request
                else:
                    request = live.release.calls.parse(call, caller)
        except AilyusError as error:
            return answers.invalid(error, call.name, self._finder(call, error))
        if trace := tracing.carrier():
            request = replace(request, trace=trace)
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
                    return await self._answer_of_other_replica(known)
                at = self.journal.store.now_ms()
                action = Action(new_id("act"), request, caller, created_ms=at, first=latest is None, preview=preview)
                self.start(key, action, live.plans.perform(action) if is_plan else live.pipeline.act(action))
        on_started(self._running[key].action)
        return await self._wait_for_answer(key)

    def start(self, key: str, action: Action, work: Coroutine[None, None, ActionResult]) -> asyncio.Task[ActionResult]:
        """Run one action's work in a task of its own, at most one per call key."""
        task = asyncio.create_task(self._traced(action, self._guarded(action, work)))
        self._running[key] = RunningAction(action, task)
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    def answer_now(self) -> None:
        """This process is about to end: whoever waits for an action is told what is known of it, and may ask others."""
        self._answers_now.set()
        self.journal.wake_all()

    @property
    def answers_at_once(self) -> bool:
        """Does nobody wait here any more?"""
        return self._answers_now.is_set()

    def is_running(self, key: str) -> bool:
        """Is a task of this process at work on this call?"""
        return key in self._running

    def running_ids(self) -> set[str]:
        """The ids of everything that a task of this process is at work on."""
        return {running.action.id for running in self._running.values()}

    @property
    def count(self) -> int:
        """How many tasks of this process are at work now; from any thread."""
        return len(self._running)

    def running_action(self, action_id: str) -> Action | None:
        """An action that a task of this process is at work on, also before anything of it is committed."""
        return next((running.action for running in self._running.values() if running.action.id == action_id), None)

    def halt_of(self, action: Action) -> Halt | None:
        """The halt that stops this action, or a step of this plan, now."""
        if action.plan is not None:
            return self.plans.halt_of(action)
        return self.journal.controls.halted(action.request)

    async def held(self, action: Action, halt: Halt) -> ActionResult:
        """An approved action, or a plan, that a halt holds, as its agent is told."""
        return await (self.plans.progress(action) if action.plan is not None else self.live.pipeline.held(action, halt))

    async def _wait_for_answer(self, key: str) -> ActionResult:
        running, end = self._running[key], time.monotonic() + ANSWER_WITHIN
        ending = asyncio.ensure_future(self._answers_now.wait())
        try:
            await asyncio.wait((running.task, ending), timeout=ANSWER_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
        known = None if running.task.done() else await self.journal.get(running.action.id)
        if known is None:  # a read, or not committed yet: nobody else could say what became of it
            await asyncio.wait((running.task,), timeout=max(0.0, end - time.monotonic()))
        if running.task.done():
            return running.task.result()
        if known is not None and known.plan is not None:
            return await self.plans.progress(known)
        return answers.running(running.action.id, known.receipt_id if known else None)

    async def _traced(self, action: Action, work: Coroutine[None, None, ActionResult]) -> ActionResult:
        """In the action's own task: whatever it logs, traces and counts is about this action."""
        begun, request = time.perf_counter(), action.request
        logs.bind_action(action.id, action.receipt_id)
        with tracing.action_span(action) as ended:
            answer = await work
            ended.append(answer.status)
            seconds = time.perf_counter() - begun
            metrics.record_action(request.contract, answer.status, seconds)
            # a read is no news; a write is one, however it ended
            if request.kind == "write" or logs.is_verbose():
                log.log(
                    logging.INFO if request.kind == "write" else logging.DEBUG,
                    "action_carried",
                    contract=request.contract,
                    status=answer.status,
                    receipt=answer.receipt_id,
                    milliseconds=round(seconds * 1000),
                )
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
            return await self._answer_of_other_replica(known)
        return answers.invalid(fault, action.request.contract)

    async def _answer_of_other_replica(self, known: Action) -> ActionResult:
        """What became of a call that another replica carries, or carried; of any other, what is known."""
        end = time.monotonic() + ANSWER_WITHIN
        with self.journal.watching(known.id) as watch:
            while self.journal.store.shared and known.state in ("ready", "running"):
                left = end - time.monotonic()
                if left <= 0 or self.answers_at_once or self.running_action(known.id):
                    break
                await watch.change(left)
                known = await self.journal.get(known.id) or known
        if known.state == "ready" and (halt := self.halt_of(known)):
            return await self.held(known, halt)
        return known.result or answers.running(known.id, None)

    def _finder(self, call: ToolCall, error: AilyusError) -> str | None:
        """The tool that finds a value for the argument at fault."""
        program = self.release.catalog.programs.get(call.name)
        name = (error.field or "").split("/")[1:2]
        return program.inputs.finders.get(name[0]) if program and name else None
