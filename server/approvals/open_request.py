"""An open request, looked at afresh: the record, the policies and the connection as they are now."""

from dataclasses import dataclass

from contracts.errors import AilyusError
from policies.decision import ApprovalRequired, Denied, Unavailable
from policies.resource_facts import establish_facts
from receipts.action.action import Action
from server.actions.runner import ActionRunner
from server.execution.approval_request import ApprovalRequest, ApprovalReview


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """An open request and everything it is compared with, looked at afresh."""

    action: Action
    review: ApprovalReview

    @property
    def asked(self) -> ApprovalRequest:
        """What would be asked now."""
        return self.review.asked


async def waiting_action(runner: ActionRunner, action_id: str) -> Action:
    """The action, if it waits for people. Raises `AilyusError`."""
    action = await runner.journal.get(action_id)
    if action is None:
        raise AilyusError("unknown_approval", "there is no such action")
    if action.state != "waiting":
        raise AilyusError("not_waiting", f"the action is `{action.status}` and waits for nobody")
    if not await runner.journal.is_vouched(action):  # guard: a request in the store is the signed one
        hint = "`ailyus audit` lists what was changed in the store"
        raise AilyusError("store_corrupt", "the request in the store is not the one that was signed", hint=hint)
    return action


async def open_request(runner: ActionRunner, action_id: str) -> OpenRequest:
    """Observe and decide afresh, so that whatever changed since the request is seen before anybody signs."""
    live, action = runner.live, await waiting_action(runner, action_id)
    release, executor = live.release, live.executor
    if executor.now() > action.expires_ms:
        raise AilyusError("expired", "the request is past its time")
    if action.plan is not None:
        return OpenRequest(action, await live.plans.looked_again(action))
    program, target = release.catalog.programs.get(action.request.contract), release.target(action.request)
    if program is None or target is None or target.digest != action.request.target_digest:
        raise AilyusError("target_changed", "the connection is not the one that was asked about")
    # a person approves what they read: a contract that says something else by now needs a request of its own
    if program.digest != action.request.contract_digest:
        raise AilyusError("policy_changed", "the contract is not the one that was asked about")
    resolved = executor.resolve(action)
    if isinstance(resolved, Denied):
        raise AilyusError("policy_changed", f"the policies no longer allow it: {resolved.reason}")
    before = await executor.observe(resolved.permit)
    facts = establish_facts(program, action.request, target, before)
    # unavailable is no change of the record: the request stays open for when the system answers
    if isinstance(facts, Unavailable):
        raise AilyusError("unavailable", facts.reason, hint="look again when the system answers")
    if isinstance(facts, Denied):
        raise AilyusError("state_changed", f"the record cannot be read as it was: {facts.reason}")
    decision = await executor.decisions.decide(resolved, before)
    if isinstance(decision, Denied):
        raise AilyusError("policy_changed", f"the policies no longer allow it: {decision.reason}")
    if not isinstance(decision, ApprovalRequired):
        raise AilyusError("policy_changed", "the policies no longer ask for this approval")
    return OpenRequest(action, await live.pipeline.reviews.review(resolved, before, decision))
