"""The path of an action: `perform` is the table of the architecture, line by line."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson
import structlog
from pydantic import JsonValue

from adapters.adapter import Adapter
from contracts.canonical import new_id
from contracts.errors import AilyusError
from contracts.expressions import Fault
from contracts.http_request import HttpRequest, render_route
from contracts.observation import Execution, Observation
from contracts.program import Program
from contracts.request import ActionRequest, Caller, ToolCall
from contracts.target import Target
from policies.approval import SignedApproval
from policies.decision import ApprovalRequired, Circumstances, Decision, Denied, Facts, Permitted, establish
from policies.release import Release
from receipts.action import Action, Intent, Status
from receipts.journal import Journal
from receipts.reconciliation import Reconciliation, already_so, outputs_of, reconcile, same
from receipts.sqlite import Conflict
from receipts.statement import LIMITS, About, Kind, Sealed, decision_evidence, decision_facts
from server import answers
from server.answers import Answer
from server.requests import asked_now, counted

log = structlog.get_logger()
ANSWER_WITHIN = 20.0
"""Seconds after which a call that is not finished answers `running`."""
MAX_ATTEMPTS = 3
_ENDED: Mapping[str, Status] = {
    "confirmed": "confirmed",
    "not_applied": "not_applied",
    "diverged": "diverged",
    "contended": "unknown",
    "again": "not_applied",
    "next_route": "not_applied",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt that is out, or was when its process died: everything that the rest of the path needs."""

    action: Action
    intent: Intent
    before: Observation
    execution: Execution
    attempts: tuple[Execution, ...]
    facts: Facts | None = None


class Pipeline:
    """Carries actions through for one live release."""

    def __init__(
        self,
        journal: Journal,
        release: Release,
        adapter: Adapter,
        current: Callable[[Caller], Caller | None],
        former: "Pipeline | None" = None,
    ) -> None:
        self.journal = journal
        self.release = release
        self.adapter = adapter
        self.epoch = journal.epoch
        self._current = current
        self._running: dict[str, tuple[str, asyncio.Task[Answer]]] = former._running if former else {}

    async def retire(self) -> None:
        """Let what is on its way under this release finish, then give its connections back."""
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks)
        await self.adapter.close()

    # -- the way in -------------------------------------------------------------------------------------------------

    async def call(self, call: ToolCall, caller: Caller) -> Answer:
        """Answer one tool call. The action runs in a task of its own: a client that goes away never cuts it in half."""
        try:
            request = self.release.parse(call, caller)
        except AilyusError as error:
            return answers.invalid(error, call.name, self._finder(call, error))
        key = request.call_key if request.kind == "write" else new_id("read")
        # INVARIANT: the same call, while it is open or held, is the same action.
        if key not in self._running:
            latest = self.journal.latest(key) if request.kind == "write" else None
            known = self.journal.same_call(latest)
            if known is not None and known.result is not None:
                return dict(known.result)
            action = Action(new_id("act"), request, caller, created_ms=self._now(), first=latest is None)
            self.carry(key, action, self.perform(action))
        return await self._patiently(key)

    def carry(self, key: str, action: Action, work: Coroutine[None, None, Answer]) -> asyncio.Task[Answer]:
        """Run one action's work in a task of its own, at most one per call key."""
        task = asyncio.create_task(self._guarded(action, work))
        self._running[key] = (action.id, task)
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    def is_carrying(self, key: str) -> bool:
        """Is a task of this process at work on this call?"""
        return key in self._running

    async def _patiently(self, key: str) -> Answer:
        action_id, task = self._running[key]
        done, _ = await asyncio.wait([task], timeout=ANSWER_WITHIN)
        if done:
            return task.result()
        known = self.journal.get(action_id)
        receipt = known.result.get("receipt_id") if known and known.result else None
        return answers.running(action_id, receipt if isinstance(receipt, str) else None)

    async def _guarded(self, action: Action, work: Coroutine[None, None, Answer]) -> Answer:
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
        known = self.journal.same_call(self.journal.latest(action.request.call_key)) or self.journal.get(action.id)
        if known is not None and known.result is not None:
            return dict(known.result)
        return answers.invalid(fault, action.request.contract)

    # -- the path ---------------------------------------------------------------------------------------------------

    async def perform(self, action: Action) -> Answer:
        """Steps 2 to 7, for a fresh call and for one that people have decided; `finish` is 8 to 10."""
        request = action.request
        if changed := self._moved_on(request):
            return await self._denied(action, Denied(changed), changed)
        # a fresh call's token was verified just now; whoever waited for people is looked up again
        caller = action.caller if action.state == "new" else self._current(action.caller)
        if caller is None:
            return await self._denied(action, Denied("the agent is not registered for this person any more"))
        action = replace(action, caller=caller)
        program, target = self.release.catalog.programs[request.contract], self.release.target(request)
        look = self.release.decider.may_observe(request, action.caller, target)
        if isinstance(look, Denied) or target is None:
            return await self._denied(action, look if isinstance(look, Denied) else Denied("no connection"))
        before = await self.adapter.observe(look)
        decision = self._decide(action, program, target, before)
        if isinstance(decision, Denied):
            return await self._denied(action, decision)
        if done := await self._without_sending(action, program, target, before, decision):
            return done
        permitted = await self._approved(action, program, target, before, decision)
        if not isinstance(permitted, tuple):
            return permitted
        if not program.is_write:
            return await self._read(action, program, target, before, permitted[0])
        sent = await self._send(action, program, target, before, *permitted, attempts=(), route=0)
        return await self.finish(sent) if isinstance(sent, Sent) else sent

    async def finish(self, sent: Sent) -> Answer:
        """Steps 8 to 10: read until it settles, reconcile, try again where that is provably safe, sign and answer."""
        action = sent.action
        program, target = self.release.catalog.programs[action.request.contract], self.release.target(action.request)
        after = await self._settled(sent, program, target)
        outcome = reconcile(program, self._base(program, action.request, target), sent.before, sent.execution, after)
        further = await self._further(sent, program, target, outcome)
        if further is not None:
            return await self.finish(further)
        return await self._conclude(sent, program, after, outcome)

    # -- the steps --------------------------------------------------------------------------------------------------

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

    def _decide(self, action: Action, program: Program, target: Target, before: Observation) -> Decision:
        facts = establish(program, action.request, target, before)
        if isinstance(facts, Denied):
            return facts
        return self.release.decider.decide(action.request, action.caller, facts, self.circumstances(action))

    async def _without_sending(
        self,
        action: Action,
        program: Program,
        target: Target,
        before: Observation,
        decision: Permitted | ApprovalRequired,
    ) -> Answer | None:
        """Every end that sends nothing although Cedar would let it: already so, a false `require`, an observer."""
        if not program.is_write:
            return None
        request = action.request
        base = self._base(program, request, target)
        about, receipt = self._about(action, decision.facts), new_id("rcp")
        evidence = _readings("before", before) | decision_evidence(decision.record)
        facts: dict[str, JsonValue] = {
            "decision": decision_facts(decision.record),
            "attempts": [],
            "before": _seen(before),
            "calledMs": action.created_ms,
        }
        status: Status = "confirmed"
        kind: Kind = "outcome"
        if checks := already_so(program, base, before):
            answer = answers.already(action, receipt, checks)
            facts["checks"] = [{"that": c.that, "met": c.met} for c in checks]
        elif unmet := next(
            (c for c in program.require if not c.expression.holds({**base, **before.scope("before")})), None
        ):
            answer, status = answers.unmet(action, receipt, unmet.sentence), "not_applied"
        elif action.caller.observe_only:
            needs = decision.needs if isinstance(decision, ApprovalRequired) else ()
            answer, status, kind = answers.previewed(action, receipt, needs), "previewed", "decision"
            facts["needs"] = _needs(needs)
        else:
            return None
        sealed = self._seal(kind, receipt, about, status, False, facts, evidence)
        held = self._now() + program.contract.repeat_window if status != "not_applied" else 0
        await self.journal.end(action, sealed, status, answer, held)
        return answer

    async def _approved(
        self,
        action: Action,
        program: Program,
        target: Target,
        before: Observation,
        decision: Permitted | ApprovalRequired,
    ) -> tuple[Permitted, tuple[SignedApproval, ...]] | Answer:
        """Count the approvals that are bound to this exact action in this exact state, and decide again with them."""
        if isinstance(decision, Permitted):
            return decision, ()
        if action.state == "new":
            return await self._ask(action, program, target, before, decision)
        asked = asked_now(self.release, action, program, target, before, decision)
        circumstances = self.circumstances(action)
        known = counted(self.release, self.journal, action, asked.subject, decision.facts, circumstances)
        if known.void:
            return await self._denied(action, Denied(known.void, decision.record), known.void)
        again = self.release.decider.decide(
            action.request, action.caller, decision.facts, circumstances, known.roles, known.oldest_seconds
        )
        if isinstance(again, Permitted):
            return again, known.approvals
        return await self._denied(action, Denied("need_missing", decision.record), "need_missing")

    async def _ask(
        self, action: Action, program: Program, target: Target, before: Observation, required: ApprovalRequired
    ) -> Answer:
        now, receipt = self._now(), new_id("rcp")
        action = replace(action, expires_ms=now + program.contract.approval_valid)
        asked = asked_now(self.release, action, program, target, before, required)
        facts: dict[str, JsonValue] = {
            "decision": decision_facts(required.record),
            "needs": _needs(required.needs),
            "display": asked.display.digest,
            "before": _seen(before),
            "calledMs": action.created_ms,
            "expiresMs": action.expires_ms,
        }
        evidence = _readings("before", before) | decision_evidence(required.record)
        evidence["asked"] = document = asked.model_dump_json().encode()
        sealed = self._seal(
            "decision", receipt, self._about(action, required.facts), "approval_required", False, facts, evidence
        )
        answer = answers.waiting(action, receipt, required.needs, action.expires_ms)
        await self.journal.ask(action, sealed, document, answer, action.expires_ms)
        return answer

    async def _send(
        self,
        action: Action,
        program: Program,
        target: Target,
        before: Observation,
        permitted: Permitted,
        approvals: Sequence[SignedApproval],
        *,
        attempts: tuple[Execution, ...],
        route: int,
    ) -> Sent | Answer:
        """Commit the signed intent; out of that commit comes the one-use order to act; act."""
        http = self._rendered(program, action.request, target, before, route)
        if isinstance(http, Fault):
            return await self._denied(action, Denied(f"the request cannot be built: {http.sentence}", permitted.record))
        timeout = min(program.routes[route].timeout_ms, target.max_timeout_ms)
        settle = min(program.contract.settle, target.max_settle_ms)
        now, receipt = self._now(), new_id("rcp")
        attempt = attempts[-1].attempt + 1 if attempts else 1  # after a crash only the last one is known
        facts: dict[str, JsonValue] = {
            "decision": decision_facts(permitted.record),
            "approvals": [a.id for a in approvals],
            "before": _seen(before),
            "calledMs": action.created_ms,
            "attempt": attempt,
            "route": route,
            "deadlineMs": now + timeout,
            "settleMs": settle,
            "requestDigest": http.digest,
            "actionDigest": action.request.action_digest,
            "epoch": self.epoch,
            "fence": action.fence + 1,
        }
        evidence = _readings("before", before) | decision_evidence(permitted.record) | _request_evidence(http)
        evidence |= {f"approval/{i}": a.model_dump_json().encode() for i, a in enumerate(approvals)}
        if action.request.reason:
            evidence["reason"] = action.request.reason.encode()
        evidence["resource"] = orjson.dumps(
            {"type": permitted.facts.resource_type, "id": permitted.facts.resource_id, "label": permitted.facts.label}
        )
        sealed = self._seal("intent", receipt, self._about(action, permitted.facts), "running", None, facts, evidence)
        dispatch = await self.journal.intend(
            action,
            permitted,
            before,
            sealed,
            http,
            approvals,
            decided_under=(self.release.digest, self.epoch),
            route=route,
            attempt=attempt,
            timeout_ms=timeout,
            settle_ms=settle,
            deadline_ms=now + timeout,
            result=answers.running(action.id, receipt),
        )
        execution = await self.adapter.execute(dispatch)
        running = replace(action, state="running", fence=dispatch.fence)
        intent = Intent(
            action.id,
            dispatch.step,
            attempt,
            route,
            dispatch.fence,
            dispatch.deadline_ms,
            settle,
            dispatch.action_digest,
            dispatch.target_digest,
            before,
            receipt,
        )
        return Sent(running, intent, before, execution, (*attempts, execution), permitted.facts)

    async def _settled(self, sent: Sent, program: Program, target: Target | None) -> Observation:
        """Read back until it is as expected, or a negative read counts: complete answer (else deadline) + settle."""
        execution, intent = sent.execution, sent.intent
        if execution.delivery == "not_sent":
            return sent.before
        start = execution.ended_ms if execution.response is not None else intent.deadline_ms
        end = start + intent.settle_ms
        if target is None or target.digest != intent.target_digest:
            return Observation(
                {}, self._now(), "same_channel", fault="the connection is not the one that was written to"
            )
        final = execution.delivery in ("refused", "declined", "no_effect")
        base = self._base(program, sent.action.request, target)
        pause = 0.05
        while True:
            late = self._now() >= end
            after = await self.adapter.observe(self.journal.may_observe(intent, sent.action, 10.0))
            if late or final:
                return after
            if reconcile(program, base, sent.before, execution, after).verdict == "confirmed":
                return after
            await asyncio.sleep(max(0.0, min(pause, (end - self._now()) / 1000)))
            pause = min(pause * 2, 1.0)

    async def _further(
        self, sent: Sent, program: Program, target: Target | None, outcome: Reconciliation
    ) -> Sent | None:
        """Another attempt or route, where provably safe: a new look, decision, intent and fence."""
        route = sent.intent.route + (outcome.verdict == "next_route")
        if outcome.verdict not in ("again", "next_route") or route >= len(program.routes) or target is None:
            return None
        if sent.intent.attempt >= MAX_ATTEMPTS:
            return None
        await asyncio.sleep((sent.execution.retry_after_ms or 100 * 2**sent.intent.attempt) / 1000)
        caller = self._current(sent.action.caller)
        if caller is None:
            return None
        action = replace(sent.action, caller=caller)
        look = self.release.decider.may_observe(action.request, caller, target)
        if isinstance(look, Denied):
            return None
        before = await self.adapter.observe(look)
        if not before.ok or not same(program.probed, sent.before, before):
            return None
        permitted = self._still_permitted(action, program, target, before)
        if permitted is None:
            return None
        with contextlib.suppress(Conflict):
            further = await self._send(
                action, program, target, before, permitted, (), attempts=sent.attempts, route=route
            )
            return further if isinstance(further, Sent) else None
        return None

    def _still_permitted(
        self, action: Action, program: Program, target: Target, before: Observation
    ) -> Permitted | None:
        """Directly before every send: live release, live attributes, the approvals that this action used."""
        decision = self._decide(action, program, target, before)
        if isinstance(decision, ApprovalRequired):
            asked = asked_now(self.release, action, program, target, before, decision)
            circumstances = self.circumstances(action)
            mine = counted(self.release, self.journal, action, asked.subject, decision.facts, circumstances, mine=True)
            decision = self.release.decider.decide(
                action.request, action.caller, decision.facts, circumstances, mine.roles, mine.oldest_seconds
            )
        return decision if isinstance(decision, Permitted) else None

    # -- the ends ---------------------------------------------------------------------------------------------------

    async def _denied(self, action: Action, denied: Denied, code: str | None = None) -> Answer:
        receipt = new_id("rcp")
        facts: dict[str, JsonValue] = {
            "decision": decision_facts(denied.record),
            "code": code,
            "calledMs": action.created_ms,
        }
        evidence = decision_evidence(denied.record) | {"why": denied.reason.encode()}
        sealed = self._seal("decision", receipt, self._about(action), "denied", False, facts, evidence)
        answer = answers.denied(action, receipt, code if code in answers.DRIFT else None)
        program = self.release.catalog.programs.get(action.request.contract)
        # a denial is held, so that repeating it asks nobody again; a drift is not, so that it can be asked anew
        held = 0 if code or program is None else self._now() + program.contract.refused_hold
        await self.journal.end(action, sealed, "denied", answer, held)
        return answer

    async def _read(
        self, action: Action, program: Program, target: Target, before: Observation, permitted: Permitted
    ) -> Answer:
        scope = {**self._base(program, action.request, target), **before.scope("before")}
        outputs = outputs_of(program, scope)
        if isinstance(outputs, Fault):
            return await self._denied(action, Denied(outputs.sentence, permitted.record))
        receipt = new_id("rcp")
        answer = answers.read(action, receipt, outputs, before.at_ms)
        facts: dict[str, JsonValue] = {
            "decision": decision_facts(permitted.record),
            "observer": before.channel,
            "before": _seen(before),
            "calledMs": action.created_ms,
        }
        evidence = _readings("before", before) | decision_evidence(permitted.record)
        about = self._about(action, permitted.facts)
        sealed = self._seal("outcome", receipt, about, "confirmed", False, facts, evidence)
        await self.journal.end(action, sealed, "confirmed", answer, 0)
        return answer

    async def _conclude(self, sent: Sent, program: Program, after: Observation, outcome: Reconciliation) -> Answer:
        action, execution = sent.action, sent.execution
        status = _ENDED[outcome.verdict]
        receipt = new_id("rcp")
        answer = answers.concluded(
            action,
            program,
            receipt,
            status,
            outcome,
            answered=execution.response.status if execution.response else None,
            attempts=sent.intent.attempt,
            settle_ms=sent.intent.settle_ms,
        )
        facts: dict[str, JsonValue] = {
            "intent": sent.intent.receipt_id,
            "attempts": [_attempt(e) for e in sent.attempts],
            "checks": [{"that": c.that, "met": c.met} for c in outcome.checks],
            "after": _seen(after) if sent.execution.delivery != "not_sent" else {},
            "attribution": outcome.attribution,
            "observer": after.channel,
            "reason": outcome.reason,
            "escalatedTo": answer.get("escalated_to"),
            "limits": list(LIMITS),
        }
        evidence = _readings("after", after) if execution.delivery != "not_sent" else {}
        evidence["response"] = execution.response.raw if execution.response else (execution.fault or "").encode()
        evidence["outputs"] = orjson.dumps(dict(outcome.outputs))
        sealed = self._seal(
            "outcome", receipt, self._about(action, sent.facts), status, outcome.changed, facts, evidence
        )
        held = 0 if status == "not_applied" else self._now() + program.contract.repeat_window
        await self.journal.conclude(sent.intent.fence, action.id, sealed, status, answer, held)
        return answer

    # -- small things -----------------------------------------------------------------------------------------------

    def _seal(
        self,
        kind: Kind,
        receipt: str,
        about: About,
        status: Status,
        changed: bool | None,
        facts: Mapping[str, JsonValue],
        evidence: Mapping[str, bytes],
    ) -> Sealed:
        return self.journal.notary.seal(
            kind, receipt, about, status=status, changed=changed, at_ms=self._now(), facts=facts, evidence=evidence
        )

    def _about(self, action: Action, facts: Facts | None = None) -> About:
        return About(
            request=action.request,
            action_id=action.id,
            release=self.release.digest,
            governed=self.release.governed,
            resource_type=facts.resource_type if facts else "",
            resource_id=facts.resource_id if facts else "",
            label=facts.label if facts else None,
            indexed=self.release.indexed(action.request),
        )

    def _base(self, program: Program, request: ActionRequest, target: Target | None) -> dict[str, object]:
        return program.scope(request.params, request.tenant, target.environment if target else "")

    def _rendered(
        self, program: Program, request: ActionRequest, target: Target, before: Observation, route: int
    ) -> HttpRequest | Fault:
        scope = {**self._base(program, request, target), **before.scope("before")}
        return render_route(program.routes[route], target.base_url, scope, program.absent(request.params))

    def circumstances(self, action: Action) -> Circumstances:
        """What a decision depends on beside the request, now; `repeat` counts earlier actions of the same call."""
        first = action.first or action.request.kind == "read"
        repeat = 0 if first else self.journal.repeats(action.request.call_key, action.id)
        return Circumstances(self._now(), self.release.change_freeze, repeat)

    def _now(self) -> int:
        return self.journal.store.now_ms()

    def _finder(self, call: ToolCall, error: AilyusError) -> str | None:
        program = self.release.catalog.programs.get(call.name)
        name = (error.field or "").split("/")[1:2]
        return program.inputs.finders.get(name[0]) if program and name else None


def _seen(observation: Observation) -> JsonValue:
    return {
        n: {"status": r.status, "atMs": r.at_ms, "requestId": r.request_id} for n, r in observation.readings.items()
    }


def _readings(phase: str, observation: Observation) -> dict[str, bytes]:
    return {f"{phase}/{name}": reading.raw for name, reading in observation.readings.items()}


def _request_evidence(http: HttpRequest) -> dict[str, bytes]:
    head = orjson.dumps({"method": http.method, "url": http.url, "headers": [list(h) for h in http.headers]})
    return {"request": head, "request/body": http.body}


def _attempt(execution: Execution) -> JsonValue:
    return {
        "attempt": execution.attempt,
        "route": execution.route,
        "delivery": execution.delivery,
        "method": execution.method,
        "requestDigest": execution.request_digest,
        "status": execution.response.status if execution.response else None,
        "fault": execution.fault,
        "startedMs": execution.started_ms,
        "endedMs": execution.ended_ms,
        "idempotencyKey": execution.idempotency_key,
        "requestId": execution.response.request_id if execution.response else None,
        "identity": execution.identity,
    }


def _needs(needs: Sequence[Sequence[tuple[str, int]]]) -> JsonValue:
    return [dict(need) for need in needs]
