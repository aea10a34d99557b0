"""The inbox, and the page on which one exact action is approved or refused."""

import re
from collections.abc import Awaitable, Callable

import orjson
from pydantic import JsonValue
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.approval import SignedApproval
from policies.principal import Person
from receipts.action.action import Action
from receipts.audit.questions import day_of
from receipts.tables import intents
from server.actions.runner import ActionRunner
from server.approvals.inbox import Inbox
from server.console.candidates import candidate_row
from server.console.redirection import redirect
from server.console.session import passkeys_of
from server.console.visit import ConsoleRequest, Page, View, action_of
from server.execution.approval_request import ApprovalRequest
from server.operations.approval_notifications import ApprovalNotifications
from server.operations.candidate_review import CandidateReviews
from server.operations.escalations import Escalations
from server.operations.resolutions import open_incidents
from server.results.answers import halt_line

ORDER = ("what will change", "who asked", "request verified", "reason", "why you", "if wrong", "if a step fails")
"""The labels that a page shows first, in this order; everything else of the document follows as it stands."""
_APART = re.compile(r"\[\d+\]")
_STEP = re.compile(r"[0-9]+\. .+ \(.+, wave [0-9]+, .+\)", re.DOTALL)
"""The label of one step in a plan's document."""


class Approvals:
    """What waits for people, and their decisions."""

    def __init__(
        self,
        inbox: Inbox,
        escalations: Escalations,
        notices: ApprovalNotifications,
        mark: Callable[[str, str], Awaitable[str]],
        reviews: CandidateReviews,
    ) -> None:
        self._inbox = inbox
        self._mark = mark
        self._reviews = reviews
        self._notices = notices
        self._escalations = escalations

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/inbox", self.inbox),
            View("GET", "/approvals/{action}", self.approval),
            View("POST", "/approvals/{action}/decide", self.decide),
            View("POST", "/approvals/{action}/withdraw", self.withdraw),
            View("POST", "/approvals/{action}/cancel", self.cancel),
            View("POST", "/escalations/{escalation}/acknowledge", self.acknowledge),
        ]

    async def inbox(self, visit: ConsoleRequest) -> Page:
        """Silence is what people fear: what is open or in doubt stands on top, then what waits, grouped."""
        runner, tenant = self._inbox.runner, visit.tenant
        mark = await self._mark(tenant, "inbox")
        groups: dict[str, dict[str, object]] = {}
        for action in await self._inbox.waiting():
            if action.request.tenant != tenant or action.asked is None:
                continue
            contract = action.request.contract
            group = groups.setdefault(
                contract,
                {"contract": contract, "title": self._inbox.title(contract), "risk": action.request.risk, "cards": []},
            )
            cards = group["cards"]
            if isinstance(cards, list):
                cards.append(await self._card(action, visit.person))
        tops = {
            "intents": await _open_intents(runner, tenant),
            "escalations": await self._escalations.listed(tenant),
            "untold": await self._notices.failed(tenant),
            "incidents": await open_incidents(runner, tenant),
            "candidates": [candidate_row(record, "waiting") for record in await self._reviews.open()],
        }
        return Page("inbox.html", "Inbox", {**tops, "groups": list(groups.values()), "mark": mark})

    async def _card(self, action: Action, person: Person) -> dict[str, JsonValue]:
        # the stored request is our own, written by `ask`: read without being validated 200 times a page
        asked = orjson.loads(action.asked or b"{}")
        needs = asked["subject"]["needs"]
        lines = asked["display"]["lines"]
        first = next(line["value"] for line in lines if line["label"] == "what will change")
        given, wanted = await self._inbox.approved_by(action.id), {role for need in needs for role, _ in need}
        return {
            "action": action.id,
            "says": first,
            "apart": [line for line in lines if _APART.fullmatch(line["label"])],
            "person": action.request.person,
            "agent": action.request.agent,
            "needs": needs,
            "plan": action.plan is not None,
            "steps": [[line["label"], line["value"]] for line in lines if _STEP.fullmatch(line["label"])],
            "approved_by": list(given),
            # their signature decides, not this
            "can": bool(wanted & person.roles) and self._inbox.why_ineligible(action, person, given) is None,
            "created_ms": action.created_ms,
            "expires_ms": action.expires_ms,
        }

    async def approval(self, visit: ConsoleRequest) -> Page:
        """One exact action, looked at afresh, with the document that is signed."""
        mark = await self._mark(visit.tenant, visit.named("action"))
        action = await action_of(visit, self._inbox.runner.journal)
        if action.state != "waiting":
            return Page("moved.html", "Decided already", {"action": action.id, "status": action.status})
        person, runner = visit.person, self._inbox.runner
        given = await self._inbox.approved_by(action.id)
        role = visit.asked("role") or None
        why_not = None
        try:
            binding, asked = await self._inbox.binding(action.id, person.name, role, "approve", "")
            document: dict[str, JsonValue] | None = binding.model_dump(mode="json")
        except AilyusError as error:
            # whoever may only look sees what was asked at first
            asked, document = ApprovalRequest.model_validate_json(action.asked or b""), None
            why_not = {"sentence": error.sentence, "hint": error.hint}
        # no document, and so nothing to sign: the button would only be refused
        if document is not None and (barred := self._inbox.why_ineligible(action, person, given)):
            document, why_not = None, barred
        agent, now, tenant = action.request.agent, runner.journal.store.now_ms(), visit.tenant
        today = await runner.journal.store.read_aside(lambda read: day_of(read, tenant, agent, now))
        halt = runner.halt_of(action)
        lines = [line.model_dump() for line in asked.display.lines]
        first = sorted((n for n in lines if _place(n["label"]) is not None), key=lambda n: _place(n["label"]) or 0)
        return Page(
            "approval.html",
            self._inbox.title(action.request.contract),
            {
                "action": action.id,
                "contract": action.request.contract,
                "risk": action.request.risk,
                "plan": action.plan is not None,
                "first": first,
                "rest": [line for line in lines if _place(line["label"]) is None],
                "lines": [[line["label"], line["value"], line["origin"]] for line in lines],
                "digest": asked.display.digest,
                "today": today,
                "pending": sum(a.request.agent == action.request.agent for a in await self._inbox.waiting()),
                "needs": asked.subject.needs,
                "roles": sorted({r for need in asked.subject.needs for r, _ in need} & person.roles),
                "given": [{"person": name, "mine": name == person.name} for name in given],
                "binding": document,
                "why_not": why_not,
                "halt": halt_line(halt) if halt else "",
                "keys": passkeys_of((await runner.journal.registry.keys()).values(), person),
                "mine": person.name in (action.request.person, action.request.owner),
                "expires_ms": action.expires_ms,
                "mark": mark,
            },
        )

    async def decide(self, visit: ConsoleRequest) -> Response:
        """Take a signed decision; the page of the action then shows what becomes of it."""
        action = await action_of(visit, self._inbox.runner.journal)
        signed = SignedApproval.model_validate_json(visit.form["signed"])
        # INVARIANT 2: a person decides for nobody else, also with a key that this browser could reach
        # guard: a person decides for nobody else
        if signed.binding.approver != visit.person.name or signed.binding.subject.action_id != action.id:
            raise AilyusError("bad_form", "the decision is not yours, or about another action")
        await self._inbox.decide(signed)
        return redirect(f"/actions/{action.id}")

    async def withdraw(self, visit: ConsoleRequest) -> Response:
        """Take one's own approval back before it is used."""
        action = await action_of(visit, self._inbox.runner.journal)
        await self._inbox.withdraw(action.id, visit.person.name)
        return redirect(f"/approvals/{action.id}")

    async def cancel(self, visit: ConsoleRequest) -> Response:
        """End a request of one's own, or of one's agent, that waits."""
        action = await action_of(visit, self._inbox.runner.journal)
        if visit.person.name not in (action.request.person, action.request.owner):
            raise AilyusError("no_authority", "whom it is for, or the agent's owner, ends a request")
        await self._inbox.cancel(action.id)
        return redirect(f"/actions/{action.id}")

    async def acknowledge(self, visit: ConsoleRequest) -> Response:
        """Take an escalation on."""
        escalation = visit.named("escalation")
        # INVARIANT 9: a foreign id is not found, as anywhere
        if not any(e["escalation"] == escalation for e in await self._escalations.listed(visit.tenant)):
            raise AilyusError("not_found", "there is no such escalation")
        await self._escalations.acknowledge(escalation, visit.person.name)
        return redirect("/inbox")


async def _open_intents(runner: ActionRunner, tenant: str) -> list[dict[str, JsonValue]]:
    return [
        {"action": one.action_id, "agent": one.agent, "contract": one.contract, "deadline_ms": one.deadline_ms}
        for one in await intents.of_tenant(runner.journal.store, tenant)
    ]


def _place(label: str) -> int | None:
    """Where a line of the document stands among the first; what a sentence leaves apart follows the sentence."""
    return 0 if _APART.fullmatch(label) else ORDER.index(label) if label in ORDER else None
