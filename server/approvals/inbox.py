"""The inbox of approvers: list what waits, prepare what is to be signed, take signed decisions."""

import secrets
from collections.abc import Awaitable, Callable, Sequence

from contracts.canonical import new_id
from contracts.errors import CODES, AilyusError
from policies.approval import Binding, ExcludedApprovers, SignedApproval, count_by_role
from policies.principal import Person
from receipts.action.action import Action
from receipts.journal.plan_transitions import PlanRows
from receipts.statement.action_facts import DecisionFacts
from receipts.store.transaction import Conflict
from receipts.tables.approvals import approvers
from server.actions.runner import ActionRunner
from server.approvals.open_request import OpenRequest, open_request, waiting_action
from server.approvals.request_closure import approver_of, close_lost, close_request
from server.execution.approval_request import ApprovalRequest, Circumstance, approval_error, current_roles
from server.execution.decisions import ApprovalCount
from server.observability import metrics, tracing

VALID_MS = 900_000
"""How long a signed decision may wait to be used."""


class Inbox:
    """What people decide. `wake` is told which action to carry on."""

    def __init__(self, runner: ActionRunner, wake: Callable[[str], Awaitable[None]]) -> None:
        self._runner = runner
        self._wake = wake

    @property
    def runner(self) -> ActionRunner:
        """The live runner."""
        return self._runner

    def title(self, contract: str) -> str:
        """A contract's or plan's title as it is released now."""
        catalog = self._runner.release.catalog
        program, plan = catalog.programs.get(contract), catalog.plans.get(contract)
        return program.contract.title if program else plan.plan.title if plan else contract

    async def approved_by(self, action_id: str) -> list[str]:
        """Who has approved so far."""
        return await approvers(self._runner.journal.store, action_id)

    def why_ineligible(self, action: Action, person: Person, approved_by: Sequence[str]) -> dict[str, str] | None:
        """Why this person may not approve this action, which these have approved: by code, not by policy."""
        release, request = self._runner.release, action.request
        if person.name in approved_by:
            return {"sentence": "you have approved it", "hint": "everybody counts once and for one role"}
        authors = self._runner.journal.registry.known_authors
        if not ExcludedApprovers(request.person, request.owner, release.author, authors).excludes(person.name):
            return None
        return {"sentence": "somebody else must approve this", "hint": CODES["self_approval"]}

    async def waiting(self) -> list[Action]:
        """Every action that waits for people."""
        return await self._runner.journal.waiting()

    async def binding(
        self, action_id: str, approver: str, role: str | None, verdict: str, comment: str
    ) -> tuple[Binding, ApprovalRequest]:
        """What this person would sign now; they recompute every digest from what they are shown."""
        now = await open_request(self._runner, action_id)
        return await self.bound(now, approver, role, verdict, comment), now.asked

    async def bound(self, now: OpenRequest, approver: str, role: str | None, verdict: str, comment: str) -> Binding:
        """The same of a request that was looked at just now."""
        person = self._runner.release.people.get(approver)
        if person is None:
            raise AilyusError("unknown_person", f"`{approver}` is no declared person")
        wanted = {r for need in now.asked.subject.needs for r, _ in need}
        held = await self._runner.journal.roles.last_known(person)
        roles = sorted(wanted & held) if role is None else [role]
        if not roles:
            raise AilyusError("wrong_role", f"`{approver}` holds none of the roles that are asked for")
        at = self._runner.journal.store.now_ms()
        return Binding(
            purpose="ailyus-approval-v1",
            subject=now.asked.subject,
            approver=approver,
            role=roles[0],
            verdict="refuse" if verdict == "refuse" else "approve",
            comment=comment[:500],
            not_before_ms=at,
            expires_ms=min(at + VALID_MS, now.action.expires_ms),
            nonce=secrets.token_hex(16),
        )

    async def decide(self, signed: SignedApproval) -> str:
        """Take a signed decision; returns the action's new state, or raises with the code of the refusal."""
        if await self._runner.journal.used_by(signed.id):
            raise AilyusError("used", "this approval was used already")
        withdrawn = await self._runner.journal.withdrawn(signed.binding.subject.action_id)
        # INVARIANT 2: the bytes of an approval that was taken back never count again
        if signed.id in withdrawn:  # guard: the bytes of an approval that was taken back
            raise AilyusError("used", "this approval was taken back", hint="look at the request and sign anew")
        now = await open_request(self._runner, signed.binding.subject.action_id)
        with tracing.approval(now.action, signed.binding):
            state = await self._decided(now, signed, len(withdrawn))
        waited_ms = self._runner.journal.store.now_ms() - now.action.created_ms
        metrics.record_approval(now.action.request.contract, signed.binding.verdict, waited_ms / 1000)
        return state

    async def _decided(self, now: OpenRequest, signed: SignedApproval, withdrawn: int) -> str:
        journal, release = self._runner.journal, self._runner.release
        action, at = now.action, journal.store.now_ms()
        keys = await journal.registry.keys()
        held = await current_roles(release, journal, signed.binding.approver)
        authors = await journal.registry.authors(release.digest)
        code = approval_error(release, action, now.review, signed, Circumstance(keys, at, held, authors))
        if (
            code is None
            and signed.assertion is not None
            # a passkey that counts its uses and does not go on from its last number is a copy
            and not await journal.registry.grows(signed.keyid, signed.assertion)
        ):
            code = "bad_signature"
        wanted = {role for need in now.asked.subject.needs for role, _ in need}
        if code is None and signed.binding.role not in wanted:
            code = "wrong_role"
        if code:
            raise AilyusError(code, f"the approval does not count: {code.replace('_', ' ')}")
        if signed.binding.verdict == "refuse":
            return await self._refuse(now, signed)
        counted = [*(await journal.approvals(action.id)), signed]
        ready = now.review.permits(release, action.caller, ApprovalCount(*count_by_role(counted, at)))
        await self._record(now, signed, ready, withdrawn)
        if ready:  # only now: whoever carries it on must find the approval committed
            await self._wake(action.id)
        return "ready" if ready else "waiting"

    async def withdraw(self, action_id: str, person: str) -> None:
        """Take an approval back before it is used; what was ready waits again."""
        runner = self._runner
        journal, action = runner.journal, await runner.journal.get(action_id)
        mine = [a for a in await journal.approvals(action_id) if a.binding.approver == person]
        if action is None or not mine:
            raise AilyusError("unknown_approval", "there is no approval of yours for this action")
        sealed = journal.notary.seal(
            DecisionFacts(approval=mine[0].id, approver=approver_of(runner, action, mine[0])),
            new_id("rcp"),
            runner.executor.statements.about(action),
            status="withdrawn",
            changed=None,
            at_ms=journal.store.now_ms(),
            evidence={},
        )
        try:
            await journal.withdraw(action, mine[0].id, sealed)
        except Conflict:
            raise AilyusError("used", "the approval is used already, and cannot be taken back") from None

    async def cancel(self, action_id: str) -> None:
        """End a request that waits, or a running plan at its next step's border."""
        known = await self._runner.journal.get(action_id)
        if known is not None and known.plan is not None and known.state in ("running", "ready"):
            await PlanRows(self._runner.journal).wish_end(action_id)
            await self._wake(action_id)
            return
        action = await waiting_action(self._runner, action_id)
        await close_request(self._runner, action, "cancelled", "")

    async def expire(self, action: Action) -> None:
        """End a request that nobody decided in time, or that may have been decided and sent after a backup."""
        if self._runner.journal.is_unsendable(action):
            await close_lost(self._runner, action)
        else:
            await close_request(self._runner, action, "expired", "")

    async def _refuse(self, now: OpenRequest, signed: SignedApproval) -> str:
        await close_request(self._runner, now.action, "refused", signed.binding.comment, signed, now.asked)
        return "refused"

    async def _record(self, now: OpenRequest, signed: SignedApproval, ready: bool, withdrawn: int) -> None:
        runner, action = self._runner, now.action
        single = now.review.parts[0].facts if action.plan is None else None
        about = runner.executor.statements.about(action, single)
        journal = runner.journal
        approver = approver_of(runner, action, signed)
        facts = DecisionFacts(approval=signed.id, role=signed.binding.role, keyid=signed.keyid, approver=approver)
        sealed = journal.notary.seal(
            facts,
            new_id("rcp"),
            about,
            status="approved",
            changed=None,
            at_ms=journal.store.now_ms(),
            # what was shown is kept beside what was signed, so that anybody can look at both
            evidence={
                "approval": signed.model_dump_json().encode(),
                "asked": now.asked.model_dump_json().encode(),
            },
        )
        try:
            await journal.approve(action, signed, sealed, ready, withdrawn)
        except Conflict:  # INVARIANT 2: everybody counts once; the row says so, whatever two requests at once have read
            raise AilyusError("used", "this person has decided already, or the request moved on") from None
