"""The inbox of approvers: list what waits, prepare what is to be signed, take signed decisions."""

import secrets
from collections.abc import Awaitable, Callable, Sequence

from contracts.canonical import new_id
from contracts.errors import CODES, AilyusError
from policies.approval import Binding, Bystanders, SignedApproval, count
from policies.principal import Person
from receipts.action.action import Action
from receipts.journal.plan_transitions import PlanRows
from receipts.statement.action_facts import DecisionFacts
from receipts.store.transaction import Conflict
from receipts.tables.approvals import approvers
from server.actions.pipeline import Pipeline
from server.approvals.open_request import OpenRequest, open_request, waiting_action
from server.approvals.request_closure import approver_of, close_request
from server.execution.approval_request import ApprovalRequest, fault_of, held_by
from server.observability import tracing

VALID_MS = 900_000
"""How long a signed decision may wait to be used."""


class Inbox:
    """What people decide. `wake` is told which action to carry on."""

    def __init__(self, pipeline: Callable[[], Pipeline], wake: Callable[[str], Awaitable[None]]) -> None:
        self._pipeline = pipeline
        self._wake = wake

    @property
    def pipeline(self) -> Pipeline:
        """The live pipeline."""
        return self._pipeline()

    def title(self, contract: str) -> str:
        """A contract's or plan's title as it is released now."""
        catalog = self._pipeline().release.catalog
        program, plan = catalog.programs.get(contract), catalog.plans.get(contract)
        return program.contract.title if program else plan.plan.title if plan else contract

    async def given(self, action_id: str) -> list[str]:
        """Who has approved so far."""
        return await approvers(self._pipeline().journal.store, action_id)

    def bars(self, action: Action, person: Person, given: Sequence[str]) -> dict[str, str] | None:
        """Why this person may not approve this action, which these have approved: by code, not by policy."""
        release, request = self._pipeline().release, action.request
        if person.name in given:
            return {"sentence": "you have approved it", "hint": "everybody counts once and for one role"}
        authors = self._pipeline().journal.registry.known_authors
        if not Bystanders(request.person, request.owner, release.author, authors).excludes(person.name):
            return None
        return {"sentence": "somebody else must approve this", "hint": CODES["self_approval"]}

    async def waiting(self) -> list[Action]:
        """Every action that waits for people."""
        return await self._pipeline().journal.waiting()

    async def binding(
        self, action_id: str, approver: str, role: str | None, verdict: str, comment: str
    ) -> tuple[Binding, ApprovalRequest]:
        """What this person would sign now; they recompute every digest from what they are shown."""
        now = await open_request(self._pipeline(), action_id)
        person = self._pipeline().release.people.get(approver)
        if person is None:
            raise AilyusError("unknown_person", f"`{approver}` is no declared person")
        wanted = {r for need in now.asked.subject.needs for r, _ in need}
        held = await self._pipeline().journal.roles.known(person)
        roles = sorted(wanted & held) if role is None else [role]
        if not roles:
            raise AilyusError("wrong_role", f"`{approver}` holds none of the roles that are asked for")
        at = self._pipeline().journal.store.now_ms()
        binding = Binding(
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
        return binding, now.asked

    async def decide(self, signed: SignedApproval) -> str:
        """Take a signed decision; returns the action's new state, or raises with the code of the refusal."""
        if await self._pipeline().journal.used_by(signed.id):
            raise AilyusError("used", "this approval was used already")
        withdrawn = await self._pipeline().journal.withdrawn(signed.binding.subject.action_id)
        # INVARIANT 2: the bytes of an approval that was taken back never count again
        if signed.id in withdrawn:  # guard: the bytes of an approval that was taken back
            raise AilyusError("used", "this approval was taken back", hint="look at the request and sign anew")
        now = await open_request(self._pipeline(), signed.binding.subject.action_id)
        with tracing.approval(now.action, signed.binding):
            return await self._decided(now, signed, len(withdrawn))

    async def _decided(self, now: OpenRequest, signed: SignedApproval, withdrawn: int) -> str:
        journal, release = self._pipeline().journal, self._pipeline().release
        action, at = now.action, journal.store.now_ms()
        keys = await journal.registry.keys()
        held = await held_by(release, journal, signed.binding.approver)
        authors = await journal.registry.authors(release.digest)
        code = fault_of(release, action, now.weighed, signed, keys, at, False, held, authors)
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
        given = [*(await journal.approvals(action.id)), signed]
        roles, oldest = count(given, at)
        ready = now.weighed.permits(release, action.caller, roles, oldest)
        await self._record(now, signed, ready, withdrawn)
        if ready:  # only now: whoever carries it on must find the approval committed
            await self._wake(action.id)
        return "ready" if ready else "waiting"

    async def withdraw(self, action_id: str, person: str) -> None:
        """Take an approval back before it is used; what was ready waits again."""
        pipeline = self._pipeline()
        journal, action = pipeline.journal, await pipeline.journal.get(action_id)
        mine = [a for a in await journal.approvals(action_id) if a.binding.approver == person]
        if action is None or not mine:
            raise AilyusError("unknown_approval", "there is no approval of yours for this action")
        sealed = journal.notary.seal(
            DecisionFacts(approval=mine[0].id, approver=approver_of(pipeline, action, mine[0])),
            new_id("rcp"),
            pipeline.steps.about(action),
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
        known = await self._pipeline().journal.get(action_id)
        if known is not None and known.plan is not None and known.state in ("running", "ready"):
            await PlanRows(self._pipeline().journal).wish_end(action_id)
            await self._wake(action_id)
            return
        action = await waiting_action(self._pipeline(), action_id)
        await close_request(self._pipeline(), action, "cancelled", "")

    async def expire(self, action: Action) -> None:
        """End a request that nobody decided in time."""
        await close_request(self._pipeline(), action, "expired", "")

    async def _refuse(self, now: OpenRequest, signed: SignedApproval) -> str:
        await close_request(self._pipeline(), now.action, "refused", signed.binding.comment, signed, now.asked)
        return "refused"

    async def _record(self, now: OpenRequest, signed: SignedApproval, ready: bool, withdrawn: int) -> None:
        pipeline, action = self._pipeline(), now.action
        single = now.weighed.parts[0].facts if action.plan is None else None
        about = pipeline.steps.about(action, single)
        journal = pipeline.journal
        approver = approver_of(pipeline, action, signed)
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
