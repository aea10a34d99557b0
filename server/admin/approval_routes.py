"""The routes of the local door about requests that wait for people, and their decisions."""

from starlette.requests import Request

from policies.approval import SignedApproval
from receipts.audit.questions import day_of
from server.actions.runner import ActionRunner
from server.approvals.inbox import Inbox
from server.execution.approval_request import ApprovalRequest
from server.results.answers import halt_line


class ApprovalRoutes:
    """Lists, prepares and takes decisions; what a decision is worth says `Inbox`."""

    def __init__(self, runner: ActionRunner, inbox: Inbox) -> None:
        self._runner = runner
        self._inbox = inbox

    async def approvals(self, request: Request) -> object:
        """Every request that waits for people."""
        return [
            {
                "action": action.id,
                "contract": action.request.contract,
                "risk": action.request.risk,
                "agent": action.request.agent,
                "person": action.request.person,
                "expiresMs": action.expires_ms,
                "needs": ApprovalRequest.model_validate_json(action.asked or b"").subject.needs,
            }
            for action in await self._inbox.waiting()
        ]

    async def binding(self, request: Request) -> object:
        """What a person would sign now."""
        query = request.query_params
        binding, asked = await self._inbox.binding(
            request.path_params["action"],
            query.get("person", ""),
            query.get("role"),
            query.get("verdict", "approve"),
            query.get("comment", ""),
        )
        store, tenant = self._runner.journal.store, asked.subject.tenant
        agent, now = asked.subject.agent, store.now_ms()
        waiting = await self._runner.journal.get(request.path_params["action"])
        held = self._runner.halt_of(waiting) if waiting is not None else None
        today = await store.read_aside(lambda read: day_of(read, tenant, agent, now))
        return {
            "binding": binding.model_dump(mode="json"),
            "asked": asked.model_dump(mode="json"),
            "today": dict(today),
            "halt": halt_line(held) if held else None,
        }

    async def decide(self, request: Request) -> object:
        """Take a signed decision."""
        signed = SignedApproval.model_validate_json(await request.body())
        action, runner = signed.binding.subject.action_id, self._runner
        state = await self._inbox.decide(signed)
        # asked for after the decision: it is carried out at once where nothing holds it
        known = await runner.journal.get(action) if state == "ready" else None
        held = runner.halt_of(known) if known is not None and known.state == "ready" else None
        return {"state": state, "halt": halt_line(held) if held else None}

    async def cancel(self, request: Request) -> object:
        """End a request that waits."""
        await self._inbox.cancel(request.path_params["action"])
        return {"state": "ended"}
