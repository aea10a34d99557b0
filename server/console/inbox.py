"""The inbox: what is open or in doubt, and every request that waits for people, in the order in which they expire."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict

import orjson
from pydantic import JsonValue
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.principal import Person
from policies.receipt_policy import EVIDENCE, RECEIPTS
from receipts.action.action import Action
from receipts.journal.outcome import REVIEW_ROUTE
from receipts.tables import intents
from server.admin import access
from server.approvals.inbox import Inbox
from server.console.candidates import candidate_row
from server.console.document_rows import HEADING, apart_of, steps_told
from server.console.redirection import redirect
from server.console.visit import ConsoleRequest, Page, View
from server.operations.after_reviews import AfterReviews
from server.operations.approval_notifications import ApprovalNotifications
from server.operations.candidate_review import CandidateReviews
from server.operations.escalations import Escalations
from server.operations.resolutions import open_incidents

MAX_DOUBTS = 50
"""Outcomes in doubt that one page names."""


class InboxPages:
    """What waits for people. It takes no decision."""

    def __init__(
        self,
        inbox: Inbox,
        escalations: Escalations,
        notices: ApprovalNotifications,
        mark: Callable[[str, str], Awaitable[str]],
        reviews: CandidateReviews,
    ) -> None:
        self.runner = inbox.runner
        self._inbox = inbox
        self._mark = mark
        self._reviews = reviews
        self._notices = notices
        self._escalations = escalations
        self._after_reviews = AfterReviews(self.runner)

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/inbox", self.inbox, access=RECEIPTS),
            View("POST", "/escalations/{escalation}/acknowledge", self.acknowledge),
            View("POST", "/escalations/{escalation}/close", self.close),
        ]

    async def inbox(self, visit: ConsoleRequest) -> Page:
        """Silence is what people fear: what is open or in doubt stands on top, then what waits."""
        tenant, mine = visit.tenant, visit.asked("for") == "me"
        mark = await self.mark(tenant)
        cards = await self.cards(visit.person)
        body = {
            **await self.open(tenant),
            "reviews": await self.reviews(visit.person),
            "untold": await self._notices.failed(tenant),
            "candidates": [candidate_row(record, "waiting") for record in await self._reviews.open()],
            "cards": [card for card in cards if card["can"] or not mine],
            "mine": mine,
            "all": len(cards),
            "own": sum(bool(card["can"]) for card in cards),
            "mark": mark,
        }
        return Page("inbox.html", "Inbox", body)

    async def mark(self, tenant: str) -> str:
        """What pages about the inbox are live by."""
        return await self._mark(tenant, "inbox")

    async def cards(self, person: Person) -> list[dict[str, JsonValue]]:
        """What waits in a person's tenant, what expires first first; nothing for whoever reads no evidence."""
        if not access.may(self.runner.release, EVIDENCE, person):  # guard: requests show evidence
            return []
        waiting = [a for a in await self._inbox.waiting() if a.request.tenant == person.tenant and a.asked is not None]
        return [await self._card(a, person) for a in sorted(waiting, key=lambda action: action.expires_ms)]

    async def reviews(self, person: Person) -> list[JsonValue]:
        """The reviews after the fact that a person's tenant owes, and why this person cannot close one."""
        found: list[JsonValue] = []
        for one in await self._after_reviews.open(person.tenant):
            why = await self._after_reviews.why_not(one, person)
            found.append({**asdict(one), "why_not": "" if why is None else why.sentence})
        return found

    async def close(self, visit: ConsoleRequest) -> Response:
        """Close a review with what was found."""
        await self._after_reviews.close(visit.named("escalation"), visit.person.name, visit.form.get("comment", ""))
        return redirect("/inbox")

    async def open(self, tenant: str) -> dict[str, JsonValue]:
        """What is on the wire, and what is in doubt: each action once, with the escalation that tells of it."""
        journal = self.runner.journal
        listed = await self._escalations.listed(tenant)
        escalated = {str(e["action"]): e for e in listed if not str(e["route"]).startswith(REVIEW_ROUTE)}
        incidents = {str(i["action"]): i for i in await open_incidents(self.runner, tenant)}
        known = {name: await journal.get(name) for name in list({**incidents, **escalated})[:MAX_DOUBTS]}
        doubts: list[JsonValue] = [
            {
                "says": action.sentence.quoted if action and action.sentence else "",
                **dict(incidents.get(name, {})),
                **escalated.get(name, {"escalation": "", "route": "", "deliveredMs": None}),
                "at_ms": incidents[name]["atMs"] if name in incidents else escalated[name]["createdMs"],
            }
            for name, action in known.items()
        ]
        wire: list[JsonValue] = [
            {"action": one.action_id, "agent": one.agent, "contract": one.contract, "deadline_ms": one.deadline_ms}
            for one in await intents.of_tenant(journal.store, tenant)
        ]
        return {"doubts": doubts, "intents": wire}

    async def _card(self, action: Action, person: Person) -> dict[str, JsonValue]:
        # the stored request is our own, written by `ask`: read without being validated 200 times a page
        asked = orjson.loads(action.asked or b"{}")
        needs = asked["subject"]["needs"]
        lines = asked["display"]["lines"]
        given, wanted = await self._inbox.approved_by(action.id), {role for need in needs for role, _ in need}
        return {
            "action": action.id,
            "contract": action.request.contract,
            "title": self._inbox.title(action.request.contract),
            "risk": action.request.risk,
            "says": next(line["value"] for line in lines if line["label"] == HEADING),
            "apart": [dict(line) for line in apart_of(lines)],
            "person": action.request.person,
            "agent": action.request.agent,
            "needs": needs,
            "plan": action.plan is not None,
            "steps": list[JsonValue](steps_told(lines)),
            "approved_by": list(given),
            # their signature decides, not this
            "can": bool(wanted & person.roles) and self._inbox.why_ineligible(action, person, given) is None,
            "created_ms": action.created_ms,
            "expires_ms": action.expires_ms,
        }

    async def acknowledge(self, visit: ConsoleRequest) -> Response:
        """Take an escalation on."""
        escalation = visit.named("escalation")
        # INVARIANT 9: a foreign id is not found, as anywhere
        if not any(e["escalation"] == escalation for e in await self._escalations.listed(visit.tenant)):
            raise AilyusError("not_found", "there is no such escalation")
        await self._escalations.acknowledge(escalation, visit.person.name)
        return redirect("/inbox")
