"""The page on which one exact action is approved or refused."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict

from pydantic import JsonValue
from starlette.responses import Response

from contracts.compiler.check import lookup
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.approval import SignedApproval
from policies.policy_words import words_of
from policies.receipt_policy import EVIDENCE
from receipts.action.action import Action
from receipts.audit.questions import day_of
from server.approvals.inbox import Inbox
from server.approvals.open_request import OpenRequest, open_request
from server.console.document_rows import rows_of
from server.console.record_links import links_of
from server.console.redirection import redirect
from server.console.session import passkeys_of
from server.console.visit import ConsoleRequest, Page, View, action_of
from server.execution.approval_request import ApprovalRequest
from server.results.answers import halt_line
from server.results.description import shown

_EXPECTED = re.compile(r"after\.([A-Za-z_][\w.]*) == (?:'([^'\\]*)'|([0-9]+|true|false)|(inputs\.\w+))")
"""An expectation that names the state that a path of the record must have afterwards."""
_LOUD = frozenset({"prod", "production"})


class Approvals:
    """One request that waits for people, and their decisions."""

    def __init__(self, inbox: Inbox, mark: Callable[[str, str], Awaitable[str]]) -> None:
        self._inbox = inbox
        self._mark = mark

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/approvals/{action}", self.approval, access=EVIDENCE),
            View("POST", "/approvals/{action}/decide", self.decide),
            View("POST", "/approvals/{action}/withdraw", self.withdraw),
            View("POST", "/approvals/{action}/cancel", self.cancel),
        ]

    async def approval(self, visit: ConsoleRequest) -> Page:
        """One exact action, looked at afresh, with the document that is signed."""
        mark = await self._mark(visit.tenant, visit.named("action"))
        action = await action_of(visit, self._inbox.runner.journal)
        if action.state != "waiting":
            return _moved(action, mark)
        person, runner = visit.person, self._inbox.runner
        now: OpenRequest | None = None
        document: dict[str, JsonValue] | None = None
        why_not = None
        try:
            now = await open_request(runner, action.id)
            binding = await self._inbox.bound(now, person.name, visit.asked("role") or None, "approve", "")
            document = binding.model_dump(mode="json")
        except AilyusError as error:
            why_not = {"sentence": error.sentence, "hint": error.hint}
        # whoever may only look sees what was asked at first where it cannot be looked at afresh
        asked = now.asked if now else ApprovalRequest.model_validate_json(action.asked or b"")
        signed = await runner.journal.approvals(action.id)
        # no document, and so nothing to sign: the button would only be refused
        barred = self._inbox.why_ineligible(action, person, [one.binding.approver for one in signed])
        if document is not None and barred:
            document, why_not = None, barred
        halt = runner.halt_of(action)
        rows = rows_of(asked.display.lines, self._expected(action))
        return Page(
            "approval.html",
            str(rows.heading[0]["value"]),
            {
                "action": action.id,
                "contract": action.request.contract,
                "title": self._inbox.title(action.request.contract),
                "risk": action.request.risk,
                "plan": action.plan is not None,
                "marks": self._marks(action, now),
                "rows": asdict(rows),
                "lines": [[line.label, line.value, line.origin] for line in asked.display.lines],
                "digest": asked.display.digest,
                "links": links_of(runner.release, action),
                "policies": self._policies(action, asked),
                "checks": self._checks(action),
                **await self._today(visit, action),
                "reviews": _reviews(asked, signed),
                "may": self._may(action, asked, signed),
                "given": _given(signed, person.name),
                "roles": sorted({r for need in asked.subject.needs for r, _ in need} & person.roles),
                "binding": document,
                "why_not": why_not,
                "halt": halt_line(halt) if halt else "",
                "keys": passkeys_of((await runner.journal.registry.keys()).values(), person),
                "mine": person.name in (action.request.person, action.request.owner),
                "asked_ms": action.created_ms,
                "expires_ms": action.expires_ms,
                "mark": mark,
            },
        )

    async def _today(self, visit: ConsoleRequest, action: Action) -> dict[str, object]:
        """How the agent's last 24 hours ended, and how many of its requests wait."""
        store, agent, tenant = self._inbox.runner.journal.store, action.request.agent, visit.tenant
        now = store.now_ms()
        today = await store.read_aside(lambda read: day_of(read, tenant, agent, now))
        pending = sum(one.request.agent == agent for one in await self._inbox.waiting())
        return {"agent": agent, "today": today, "pending": pending}

    def _program(self, action: Action) -> Program | None:
        return self._inbox.runner.release.catalog.programs.get(action.request.contract)

    def _marks(self, action: Action, now: OpenRequest | None) -> list[JsonValue]:
        """What sets it apart from others: where it is, and what is true of the record."""
        target = self._inbox.runner.release.target(action.request)
        marks: list[JsonValue] = []
        if target is not None and action.plan is None:
            marks.append({"words": target.environment, "loud": target.environment in _LOUD})
        if now is not None and action.plan is None:
            facts = now.review.parts[0].facts.attributes
            marks += [{"words": name, "loud": True} for name, value in sorted(facts.items()) if value is True]
        return marks

    def _policies(self, action: Action, asked: ApprovalRequest) -> list[JsonValue]:
        """The policies that ask, in their own words."""
        slices = self._inbox.runner.release.decider.bundle.slices
        why = next((line.value for line in asked.display.lines if line.label == "why you"), "")
        own = slices.get(action.request.contract)
        return [asdict(one) for one in words_of(own, why.partition(":")[0].split(", "))] if own else []

    def _checks(self, action: Action) -> list[JsonValue]:
        """What is read back afterwards."""
        program = self._program(action)
        return [check.said for check in program.expect] if program else []

    def _expected(self, action: Action) -> dict[str, str]:
        """What the contract expects of a path of the record afterwards, where it names the very value."""
        program, scope = self._program(action), {"inputs": dict(action.request.params)}
        found: dict[str, str] = {}
        for check in program.expect if program else ():
            if said := _EXPECTED.fullmatch(check.expression.text):
                path, quoted, plain, taken = said.groups()
                found[path] = quoted if quoted is not None else plain or shown(lookup(taken, scope))
        return found

    def _may(self, action: Action, asked: ApprovalRequest, signed: Sequence[SignedApproval]) -> list[str]:
        """The declared people who could still approve it; whether they may is decided when they sign."""
        wanted = {role for need in asked.subject.needs for role, _ in need}
        given = [one.binding.approver for one in signed]
        return [
            person.name
            for person in self._inbox.runner.release.people.by_name.values()
            if person.tenant == action.request.tenant
            and person.roles & wanted
            and self._inbox.why_ineligible(action, person, given) is None
        ]

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


def _moved(action: Action, mark: str) -> Page:
    """A request that waits no more: what became of it, followed live."""
    told = action.result
    return Page(
        "moved.html",
        "Decided already",
        {
            "action": action.id,
            "status": action.status,
            "state": action.state,
            "summary": told.summary if told else "",
            "mark": mark,
        },
    )


def _given(signed: Sequence[SignedApproval], me: str) -> list[JsonValue]:
    """The approvals so far; one's own can be taken back."""
    return [
        {
            "person": b.approver,
            "role": b.role,
            "comment": b.comment,
            "at_ms": b.not_before_ms,
            "mine": b.approver == me,
        }
        for b in (one.binding for one in signed)
    ]


def _reviews(asked: ApprovalRequest, signed: Sequence[SignedApproval]) -> list[JsonValue]:
    """Each way in which it is approved: of each role how many people are asked for, and how many have approved."""
    has: Mapping[str, int] = {
        role: sum(one.binding.role == role for one in signed) for need in asked.subject.needs for role, _ in need
    }
    return [[{"role": role, "wanted": count, "has": has[role]} for role, count in need] for need in asked.subject.needs]
