"""Taking back what is ours and still is as we left it; everything else is for a person.

`Compensation` builds the undo that a contract names, parsed as strictly as an agent's call, and has it decided, signed,
sent and read back as an action of its own. `PlanCompensation` calls it for the steps of a plan, after it has asked
whether a change is ours (`JournalQueries.is_ours`); `ActionExecutor.finish` calls `remove_orphan` for an object whose
outputs are lost. It does not choose what is undone or in which order, and it restores no stored state. Where it takes
nothing back, it returns `NotCompensated` with the reason.

- A record that no longer is as we left it MUST stay as it is (invariant 7).
- An undo MUST have its own decision and intent; the approvals of what it takes back count for it (invariants 1 to 3).
- An undo MUST NOT give anybody a right that they do not have now (`widens`).
- A halt that does not allow undo MUST stop it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson
from pydantic import JsonValue

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest, ToolCall
from contracts.canonical import new_id
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.decision import Denied
from receipts.action.action import Action, PlanStep
from receipts.journal.intent import Busy, DecisionBasis
from receipts.journal.lease import still_owned
from receipts.reconciliation.checks import are_cut
from receipts.reconciliation.comparison import same
from receipts.store.transaction import Conflict, Work
from server.execution.attempt import PendingEnd, PermittedAction, SentAttempt
from server.execution.decisions import NO_APPROVALS, ApprovalCount
from server.execution.executor import ActionExecutor
from server.execution.redecision import CountedBefore
from server.execution.resolved_action import ResolvedAction, base_scope

TRIES = 5


@dataclass(frozen=True, slots=True)
class NotCompensated:
    """Why nothing was taken back: what is there now stays, and a person is told."""

    reason: str
    halted: str | None = None


@dataclass(frozen=True, slots=True)
class CompletedAction:
    """What an action did, as far as an undo needs it. `left` is the state that it left; None: an orphan just found.

    `own` is what the plan's own later steps and undos left at the places that it reads.
    """

    action: Action
    before: Observation
    outputs: Mapping[str, JsonValue]
    left: Observation | None
    own: Mapping[str, JsonValue] = field(default_factory=dict)


class Compensation:
    """Builds, decides and sends undo actions. `approvals` are those that count for what is taken back."""

    def __init__(self, executor: ActionExecutor, approvals: ApprovalCount) -> None:
        self._executor = executor
        # an undo is signed with what it takes back: the same approvals count
        self._redecision = CountedBefore(executor.decisions, approvals)

    def request(
        self, program: Program, action: Action, before: Observation, outputs: Mapping[str, JsonValue]
    ) -> ActionRequest | NotCompensated:
        """The undo as one exact request, on the same connection."""
        executor = self._executor
        if program.undo is None:
            return NotCompensated("its contract has no undo")
        target = executor.release.target(action.request)
        scope = {**base_scope(program, action.request, target), **before.scope("before")}
        scope |= {f"outputs.{name}": value for name, value in outputs.items()}
        arguments = program.undo.arguments.filled(scope, frozenset())
        if isinstance(arguments, Fault) or not isinstance(arguments, dict):
            return NotCompensated("the undo cannot be built from what is known")
        return undo_request(executor, program, action, arguments)

    async def take_back(
        self, done: CompletedAction, step: PlanStep | None, earlier: Sequence[Work[None]] = ()
    ) -> PendingEnd | NotCompensated | Busy:
        """Undo one action, if it is ours and still is as we left it. Raises `Conflict` when the plan was taken over."""
        executor = self._executor
        program = executor.release.catalog.programs[done.action.request.contract]
        request = self.request(program, done.action, done.before, done.outputs)
        if isinstance(request, NotCompensated):
            return request
        for _ in range(TRIES):
            if halt := executor.journal.controls.halted(request, undo=True):
                return NotCompensated("it is halted", halted=halt.id)
            basis = executor.basis
            refusal = await self._changed(done, program)
            if refusal:
                return refusal
            action = Action(
                new_id("act"),
                request,
                done.action.caller,
                created_ms=executor.now(),
                first=True,
                step=step,
                undoes=done.action.id,
            )
            ready = await self._ready(action, basis)
            if isinstance(ready, (NotCompensated, PendingEnd)):
                return ready
            sent = await executor.send(ready, earlier)
            if isinstance(sent, Busy):
                return sent
            if isinstance(sent, Denied):
                return NotCompensated("the undo cannot be built")
            if isinstance(sent, SentAttempt):
                return await executor.finish(sent, self._redecision)
            if executor.journal.epoch == basis.epoch:  # no halt and no revocation came in between: the row moved on
                raise Conflict
        return NotCompensated("policies and halts kept changing")

    async def _changed(self, done: CompletedAction, program: Program) -> NotCompensated | None:
        """INVARIANT: an undo touches only what still is as we left it."""
        executor, request = self._executor, done.action.request
        target = executor.release.target(request)
        if target is None or target.digest != request.target_digest:
            return NotCompensated("the connection is another one now")
        if done.left is None:
            return None
        permit = executor.release.decider.may_observe(request, done.action.caller, target)
        if isinstance(permit, Denied):
            return NotCompensated("the policies no longer allow to look at it")
        now = await executor.observe(permit)
        if not now.ok:
            return NotCompensated("the record could not be read")
        own = replace(
            done.left,
            readings={n: replace(r, value=done.own.get(f"before.{n}", r.value)) for n, r in done.left.readings.items()},
            hiding=executor.journal.hiding,
        )
        if are_cut(program.probed, own, now):  # guard: half a list is not as we left it
            return NotCompensated("a list of the record was not read whole, so it may have changed since")
        # guard: undo only what is as we left it
        return None if same(program.probed, own, now) else NotCompensated("somebody else changed it since")

    async def _ready(self, action: Action, basis: DecisionBasis) -> PermittedAction | PendingEnd | NotCompensated:
        executor = self._executor
        resolved = executor.resolve(action)
        if isinstance(resolved, Denied):
            return NotCompensated("the policies do not allow the undo")
        before = await executor.observe(resolved.permit)
        resolved = resolved.told(before, executor.release)
        if not before.ok:
            return NotCompensated("the record could not be read")
        widens = resolved.program.widens
        # INVARIANT: an undo gives nobody a right that they do not have now
        if widens is not None and widens.value(resolved.scope(before)) is not False:  # guard: no undo gives a right
            return NotCompensated("it would give a right back that is not there now")
        permitted = await self._redecision.permit(resolved, before)
        if permitted is None:
            return NotCompensated("the policies do not allow the undo")
        unsent = executor.ends.end_without_sending(resolved, before, permitted.facts, permitted.record)
        if unsent is not None:
            return unsent if unsent.status == "confirmed" else NotCompensated("the undo's own conditions do not hold")
        return PermittedAction(resolved, before, permitted, (), basis)

    async def remove_orphan(self, sent: SentAttempt, outputs: Mapping[str, JsonValue]) -> bool:
        """Take back what an attempt made and whose outputs are lost; True when it is gone."""
        # an action of its own, no step: after a crash it settles before what it belongs to is looked at
        # INVARIANT 7: what looks like an orphan may be what another owner made, if this one stood still and was taken
        # over meanwhile; so the undo's intent is committed only while the attempt still is ours
        try:
            orphan = CompletedAction(sent.action, sent.before, outputs, None)
            # guard: an orphan is its owner's
            ended = await self.take_back(orphan, None, (still_owned(sent.action),))
        except Conflict:
            return False
        if not isinstance(ended, PendingEnd):
            return False
        await self._executor.end(ended)
        return ended.status == "confirmed"


def undo_request(
    executor: ActionExecutor, program: Program, action: Action, arguments: Mapping[str, JsonValue]
) -> ActionRequest | NotCompensated:
    """The undo with these arguments, parsed as strictly as an agent's call."""
    if program.undo is None:
        return NotCompensated("its contract has no undo")
    undo = executor.release.catalog.programs[program.undo.contract]
    given = dict(arguments)
    if len(executor.release.targets.candidates(undo, action.request.tenant)) > 1:
        given["connection"] = action.request.connection
    if undo.needs_reason:
        given["reason"] = action.request.reason or f"takes back {action.request.contract}"
    try:
        call = ToolCall(name=undo.name, arguments=given, caller_key=f"undo {action.id}")
        return executor.release.calls.parse(call, action.caller)
    except AilyusError as error:
        return NotCompensated(f"the undo cannot be built: {error.sentence}")


def undo_line(executor: ActionExecutor, resolved: ResolvedAction, before: Observation) -> str:
    """What an approver is told about taking it back."""
    program = resolved.program
    if program.undo is None:
        return "it cannot be undone by ailyus"
    known = Compensation(executor, NO_APPROVALS).request(program, resolved.action, before, {})
    what = f"{program.undo.contract} takes it back"
    if isinstance(known, ActionRequest):
        return f"{what}: {orjson.dumps(dict(known.params), option=orjson.OPT_SORT_KEYS).decode()}"
    return f"{what}, with what it will have made"
