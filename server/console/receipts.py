"""Receipts: the questions as saved searches, one receipt, its proof, and its verification in this browser."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import orjson
from starlette.responses import Response

from contracts.errors import AilyusError
from contracts.schema.fields import milliseconds
from receipts.audit.audit import audit
from receipts.audit.denials import denied, reason_of
from receipts.audit.proof import write_proof
from receipts.audit.query import Found, Query, find
from receipts.audit.questions import allowed_by, approved_by, changed_by, first_since, unconfirmed
from receipts.audit.record_search import done_to, search_values
from receipts.audit.roots import read_roots
from receipts.audit.vocabulary import require_agent, require_contract, require_kind, require_status
from receipts.log.head import remembered
from receipts.log.signing import Envelope
from receipts.statement import entries, evidence
from receipts.store.row import Read
from server.admin import access
from server.approvals.inbox import Inbox
from server.console.web import ConsoleRequest, Page, View
from server.results.receipt_summary import sentences

T = TypeVar("T")
LIMIT = 200
"""Receipts on one page; a narrower search finds the others."""
DEFAULT_SINCE = "12h"


@dataclass(frozen=True, slots=True)
class Saved:
    """One question as it stands on the search page: its path and the fields that it asks for."""

    path: str
    question: str
    fields: tuple[str, ...]


QUESTIONS = (
    Saved("changed", "What did this agent change?", ("agent", "since")),
    Saved("unconfirmed", "What was not confirmed?", ("since",)),
    Saved("approved-by", "Who approved it, and what did they see?", ("receipt",)),
    Saved("done-to", "What was done to this person or record?", ("match",)),
    Saved("allowed-by", "Which policy allowed it?", ("receipt",)),
    Saved("denied", "What was tried and denied?", ("since",)),
    Saved("missing", "Is anything missing?", ("since",)),
)


class ReceiptPages:
    """What security teams read."""

    def __init__(self, inbox: Inbox, roots: Path) -> None:
        self._inbox = inbox
        self._roots = roots
        # the whole log, or all about an action: one at a time, so that nobody keeps every thread busy
        self._one_at_a_time = asyncio.Lock()

    def views(self) -> list[View]:
        """Where they are reached."""
        questions = {
            "changed": self.changed,
            "unconfirmed": self.unconfirmed,
            "approved-by": self.approved_by,
            "done-to": self.done_to,
            "allowed-by": self.allowed_by,
            "denied": self.denied,
            "missing": self.missing,
        }
        return [
            View("GET", "/receipts", self.search),
            *(View("GET", f"/questions/{path}", handler) for path, handler in questions.items()),
            View("GET", "/receipts/{receipt}/proof", self.proof),
            View("GET", "/receipts/{receipt}/verify", self.verify),
            View("GET", "/receipts/{receipt}", self.receipt),
            View("GET", "/roots", self.roots),
        ]

    async def search(self, visit: ConsoleRequest) -> Page:
        """Filters as in a good log tool; personal values are looked up by HMAC."""
        asked = {name: visit.asked(name) for name in ("agent", "contract", "status", "kind", "match", "since")}
        query = Query(
            tenant=visit.tenant,
            agent=asked["agent"] or None,
            contract=asked["contract"] or None,
            status=asked["status"] or None,
            kind=asked["kind"] or None,
            since_ms=self._since(asked["since"], ""),
            limit=LIMIT,
        )

        def look(read: Read) -> list[Found]:
            _require(read, asked, visit.tenant)
            if not asked["match"]:
                return find(read, query)
            matches = search_values(read, asked["match"])
            return find(read, replace(query, matches=matches)) if matches else []

        found = await self._aside(look)
        return self._page("Receipts", found, None, asked)

    async def changed(self, visit: ConsoleRequest) -> Page:
        """What did this agent change?"""
        agent, since = visit.asked("agent"), self._since(visit.asked("since"), DEFAULT_SINCE)

        def look(read: Read) -> list[Found]:
            _require(read, {"agent": agent}, visit.tenant)
            return changed_by(read, agent, since, visit.tenant, LIMIT)

        found = await self._aside(look)
        return self._answered("changed", found, visit)

    async def unconfirmed(self, visit: ConsoleRequest) -> Page:
        """What was not confirmed?"""
        since = self._since(visit.asked("since"), "168h")
        found = await self._aside(lambda read: unconfirmed(read, since, visit.tenant, LIMIT))
        return self._answered("unconfirmed", found, visit)

    async def done_to(self, visit: ConsoleRequest) -> Page:
        """What was done to this person or record?"""
        value = visit.asked("match")
        found = await self._aside(lambda read: done_to(read, value, visit.tenant, LIMIT)) if value else []
        return self._answered("done-to", found, visit)

    async def approved_by(self, visit: ConsoleRequest) -> Page:
        """Who approved it, and what did they see?"""
        receipt = await self._of_tenant(visit, visit.asked("receipt"))
        rows = await self._aside(lambda read: approved_by(read, receipt)) if receipt else []
        return self._question("approved-by", "approved_by.html", {"approvals": rows}, visit)

    async def allowed_by(self, visit: ConsoleRequest) -> Page:
        """Which policy allowed it?"""
        receipt = await self._of_tenant(visit, visit.asked("receipt"))
        rows = await self._aside(lambda read: allowed_by(read, receipt)) if receipt else []
        return self._question("allowed-by", "allowed_by.html", {"decisions": rows}, visit)

    async def denied(self, visit: ConsoleRequest) -> Page:
        """What was tried and denied?"""
        since = self._since(visit.asked("since"), "168h")
        groups = await self._aside(lambda read: denied(read, since, visit.tenant))
        rows = [{**asdict(g), "looks_like_probing": g.looks_like_probing} for g in groups]
        return self._question("denied", "denied.html", {"groups": rows}, visit)

    async def missing(self, visit: ConsoleRequest) -> Page:
        """Is anything missing? The whole log is computed again, in a thread."""
        since = self._since(visit.asked("since"), "168h")
        # before the snapshot, which may only hold more
        head = await asyncio.to_thread(remembered, self._inbox.pipeline.journal.store.head_path)

        def look(read: Read) -> tuple[list[str], tuple[int, int]]:
            return list(audit(read, read_roots(self._roots), head)), first_since(read, since, visit.tenant)

        findings, (then, now) = await self._one_by_one(look)
        body = {"ok": not findings, "findings": findings, "then": then, "now": now, "attested": "self"}
        return self._question("missing", "missing.html", body, visit)

    async def receipt(self, visit: ConsoleRequest) -> Page:
        """One receipt: sentences before any hash."""
        receipt = visit.named("receipt")
        await self._must_see(visit, receipt)
        store = self._inbox.pipeline.journal.store
        entry = await entries.get(store, receipt)
        statement = orjson.loads(Envelope.decode(entry.envelope).payload)
        why = await self._aside(lambda read: reason_of(read, receipt))
        sizes = await evidence.sizes(store, entry.leaf_index)
        body = {
            "receipt": receipt,
            "action": entry.action_id,
            "index": entry.leaf_index,
            "says": sentences(statement["predicate"], why),
            "statement": orjson.dumps(statement, option=orjson.OPT_INDENT_2).decode(),
            "evidence": [{"label": one.label, "bytes": one.size} for one in sizes],
        }
        return Page("receipt.html", "Receipt", body)

    async def proof(self, visit: ConsoleRequest) -> Response:
        """The offline file that proves a receipt."""
        receipt = visit.named("receipt")
        await self._must_see(visit, receipt)
        # INVARIANT: who read evidence is in the log before it is given
        # guard: who downloads a proof
        await access.record(self._inbox.pipeline.journal, receipt, access.PROOF, visit.person.name)
        data = await self._one_by_one(lambda read: write_proof(read, receipt, None, True).encoded())
        headers = {"content-disposition": f'attachment; filename="{receipt}.proof.json"'}
        return Response(data, media_type="application/json", headers=headers)

    async def verify(self, visit: ConsoleRequest) -> Page:
        """The page that verifies the proof in the browser, with keys that the visitor may bring."""
        receipt = visit.named("receipt")
        await self._must_see(visit, receipt)
        return Page("verify.html", "Verify in this browser", {"receipt": receipt})

    async def roots(self, visit: ConsoleRequest) -> Response:
        """This gateway's own roots: they show that nothing was changed on the way, not who signed."""
        return Response(await asyncio.to_thread(self._roots.read_bytes), media_type="application/json")

    # -- small things --------------------------------------------------------------------------------------------------

    def _answered(self, path: str, found: list[Found], visit: ConsoleRequest) -> Page:
        saved = next(q for q in QUESTIONS if q.path == path)
        return self._page(saved.question, found, path, {name: visit.asked(name) for name in saved.fields})

    def _page(self, title: str, found: list[Found], current: str | None, asked: Mapping[str, str]) -> Page:
        body = {
            "found": [asdict(f) for f in found],
            "full": len(found) >= LIMIT,
            "questions": [asdict(q) for q in QUESTIONS],
            "current": current,
            "asked": dict(asked),
        }
        return Page("receipts.html", title, body)

    def _question(self, path: str, template: str, body: Mapping[str, object], visit: ConsoleRequest) -> Page:
        saved = next(q for q in QUESTIONS if q.path == path)
        asked = {name: visit.asked(name) for name in saved.fields}
        more = {"questions": [asdict(q) for q in QUESTIONS], "current": path, "asked": asked}
        return Page(template, saved.question, {**body, **more})

    async def _must_see(self, visit: ConsoleRequest, receipt: str) -> None:
        # INVARIANT: nobody reads another tenant's receipt; a foreign id is not found
        # guard: receipts of one's own tenant
        if await entries.tenant_of(self._inbox.pipeline.journal.store, receipt) != visit.tenant:
            raise AilyusError("not_found", "there is no such receipt that you may see", hint="search for it")

    async def _of_tenant(self, visit: ConsoleRequest, receipt: str) -> str:
        if receipt:
            await self._must_see(visit, receipt)
        return receipt

    def _since(self, text: str, default: str) -> int:
        try:
            ago = milliseconds(text or default) if text or default else None
        except ValueError:
            raise AilyusError("bad_form", f"`{text}` is no length of time", hint="for example 12h or 30m") from None
        return self._inbox.pipeline.journal.store.now_ms() - ago if ago is not None else 0

    async def _aside(self, work: Callable[[Read], T]) -> T:
        return await self._inbox.pipeline.journal.store.read_aside(work)

    async def _one_by_one(self, work: Callable[[Read], T]) -> T:
        async with self._one_at_a_time:
            return await self._aside(work)


def _require(read: Read, asked: Mapping[str, str], tenant: str) -> None:
    """A name that nobody ever had is an error, not an empty page."""
    if agent := asked.get("agent"):
        require_agent(read, agent, tenant)
    if contract := asked.get("contract"):
        require_contract(read, contract, tenant)
    if status := asked.get("status"):
        require_status(read, status)
    if kind := asked.get("kind"):
        require_kind(kind)
