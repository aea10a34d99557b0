"""The questions of security teams, as saved searches of the receipts: each is a page of its own."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydantic import JsonValue

from policies.receipt_policy import EVIDENCE, RECEIPTS
from receipts.audit.denials import denied
from receipts.audit.query import Found
from receipts.audit.questions import allowed_by, approved_by, changed_by, unconfirmed
from receipts.audit.record_search import done_to
from receipts.audit.vocabulary import require_agent
from receipts.store.row import Read
from receipts.tables.receipt_search import subjects_of
from server.console.log_audits import LogAudits
from server.console.receipt_reader import ReceiptReader
from server.console.visit import ConsoleRequest, Page, View

Row = dict[str, object]
LIMIT = 200
"""Receipts on one page; a narrower search finds the others."""
NAMED = 10
"""Receipts of each group of denials on the page; a link finds the others."""
DEFAULT_SINCE = "12h"


@dataclass(frozen=True, slots=True)
class Question:
    """One question as it stands on the search page: its path and the fields that it asks for."""

    path: str
    question: str
    fields: tuple[str, ...]


QUESTIONS = (
    Question("changed", "What did this agent change?", ("agent", "since")),
    Question("unconfirmed", "What was not confirmed?", ("since",)),
    Question("approved-by", "Who approved it, and what did they see?", ("receipt",)),
    Question("done-to", "What was done to this person or record?", ("match",)),
    Question("allowed-by", "Which policy allowed it?", ("receipt",)),
    Question("denied", "What was tried and denied?", ("since",)),
    Question("missing", "Is anything missing?", ("since",)),
)


class QuestionPages:
    """A page for each question."""

    def __init__(self, reader: ReceiptReader, audits: LogAudits) -> None:
        self._reader = reader
        self._audits = audits

    def views(self) -> list[View]:
        """Where they are reached."""
        questions = {
            "changed": self.changed,
            "unconfirmed": self.unconfirmed,
            "done-to": self.done_to,
            "allowed-by": self.allowed_by,
            "denied": self.denied,
            "missing": self.missing,
        }
        views = [View("GET", f"/questions/{path}", handler, access=RECEIPTS) for path, handler in questions.items()]
        # what approvers saw is the content of records
        return [*views, View("GET", "/questions/approved-by", self.approved_by, access=EVIDENCE)]

    async def changed(self, visit: ConsoleRequest) -> Page:
        """What did this agent change?"""
        agent, since = visit.asked("agent"), self._reader.since_ms(visit.asked("since"), DEFAULT_SINCE)

        def look(read: Read) -> list[Row]:
            if agent:
                require_agent(read, agent, visit.tenant)
            return _rows(read, changed_by(read, agent, since, visit.tenant, LIMIT))

        return _answered("changed", await self._reader.aside(look), visit)

    async def unconfirmed(self, visit: ConsoleRequest) -> Page:
        """What was not confirmed?"""
        since = self._reader.since_ms(visit.asked("since"), "168h")
        found = await self._reader.aside(lambda read: _rows(read, unconfirmed(read, since, visit.tenant, LIMIT)))
        return _answered("unconfirmed", found, visit)

    async def done_to(self, visit: ConsoleRequest) -> Page:
        """What was done to this person or record?"""
        value = visit.asked("match")

        def look(read: Read) -> list[Row]:
            return _rows(read, done_to(read, value, visit.tenant, LIMIT)) if value else []

        return _answered("done-to", await self._reader.aside(look), visit)

    async def approved_by(self, visit: ConsoleRequest) -> Page:
        """Who approved it, and what did they see?"""
        receipt = await self._reader.of_tenant(visit, visit.asked("receipt"))
        rows = await self._reader.aside(lambda read: approved_by(read, receipt)) if receipt else []
        return _question("approved-by", "approved_by.html", {"approvals": rows}, visit)

    async def allowed_by(self, visit: ConsoleRequest) -> Page:
        """Which policy allowed it?"""
        receipt = await self._reader.of_tenant(visit, visit.asked("receipt"))
        rows = await self._reader.aside(lambda read: allowed_by(read, receipt)) if receipt else []
        return _question("allowed-by", "allowed_by.html", {"decisions": rows}, visit)

    async def denied(self, visit: ConsoleRequest) -> Page:
        """What was tried and denied?"""
        since = self._reader.since_ms(visit.asked("since"), "168h")
        groups = await self._reader.aside(lambda read: denied(read, since, visit.tenant, NAMED))
        rows = [{**asdict(g), "looks_like_probing": g.looks_like_probing} for g in groups]
        return _question("denied", "denied.html", {"groups": rows}, visit)

    async def missing(self, visit: ConsoleRequest) -> Page:
        """Is anything missing? The whole log is computed again; the page of a long one shows the last audit first."""
        ago = visit.asked("since") or "168h"
        found, began_ms = await self._audits.newest(visit.tenant, ago, self._reader.since_ms(ago, ago))
        body: dict[str, JsonValue] = {"audited": found is not None, "began_ms": began_ms, "ok": None}
        if found is not None:
            attested = found.attested
            body |= {"ok": not found.findings, "findings": list(found.findings), "ended_ms": found.ended_ms}
            body |= {"ago": found.ago, "then": found.then, "now": found.now}
            body |= {"attested": "witness" if attested else "self", "witnessed": attested.size if attested else 0}
            body["says"] = attested.says if attested else ""
        return _question("missing", "missing.html", body, visit)


def _rows(read: Read, found: list[Found]) -> list[Row]:
    """Receipts as rows of a list, with the sentences of their actions."""
    said = subjects_of(read, sorted({one.action_id for one in found if one.action_id}))
    rows: list[Row] = []
    for one in found:
        sentence, person = said.get(one.action_id or "", (None, ""))
        parts = [[text, is_value] for text, is_value in sentence.parts] if sentence else []
        rows.append({**asdict(one), "parts": parts, "says": sentence.quoted if sentence else "", "person": person})
    return rows


def _answered(path: str, found: list[Row], visit: ConsoleRequest) -> Page:
    saved = next(q for q in QUESTIONS if q.path == path)
    body = {
        "found": found,
        "full": len(found) >= LIMIT,
        "questions": [asdict(q) for q in QUESTIONS],
        "current": path,
        "asked": {name: visit.asked(name) for name in saved.fields},
    }
    return Page("receipts.html", saved.question, body)


def _question(path: str, template: str, body: Mapping[str, object], visit: ConsoleRequest) -> Page:
    saved = next(q for q in QUESTIONS if q.path == path)
    asked = {name: visit.asked(name) for name in saved.fields}
    more = {"questions": [asdict(q) for q in QUESTIONS], "current": path, "asked": asked}
    return Page(template, saved.question, {**body, **more})
