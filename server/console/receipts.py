"""Receipts: their search, one receipt, its proof, and its verification in this browser."""

import asyncio
from pathlib import Path

import orjson
from starlette.responses import Response

from policies.receipt_policy import EVIDENCE, RECEIPTS
from receipts.audit.denials import reason_of
from receipts.audit.proof import write_proof
from receipts.log.signing import Envelope
from receipts.statement import entries, evidence
from receipts.tables.receipt_search import subjects_of
from server.admin import access
from server.approvals.inbox import Inbox
from server.console.log_audits import LogAudits
from server.console.questions import QuestionPages
from server.console.receipt_list import ReceiptLists
from server.console.receipt_reader import ReceiptReader
from server.console.visit import ConsoleRequest, Page, View
from server.results.receipt_summary import summarize


class ReceiptPages:
    """What security teams read."""

    def __init__(self, inbox: Inbox, reader: ReceiptReader, audits: LogAudits, roots: Path) -> None:
        self._inbox = inbox
        self._roots = roots
        self._reader = reader
        self._questions = QuestionPages(reader, audits)
        self._lists = ReceiptLists(inbox)

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            *self._lists.views(),
            *self._questions.views(),
            View("GET", "/receipts/{receipt}/proof", self.proof, access=EVIDENCE),
            View("GET", "/receipts/{receipt}/verify", self.verify, access=EVIDENCE),
            View("GET", "/receipts/{receipt}", self.receipt, access=RECEIPTS),
            View("GET", "/roots", self.roots),
        ]

    async def receipt(self, visit: ConsoleRequest) -> Page:
        """One receipt: sentences before any hash."""
        receipt = visit.named("receipt")
        await self._reader.must_see(visit, receipt)
        store = self._inbox.runner.journal.store
        entry = await entries.get(store, receipt)
        statement = orjson.loads(Envelope.decode(entry.envelope).payload)
        why = await self._reader.aside(lambda read: reason_of(read, receipt))
        about = await self._reader.aside(lambda read: subjects_of(read, [entry.action_id or ""]))
        said, person = about.get(entry.action_id or "", (None, ""))
        sizes = await evidence.sizes(store, entry.leaf_index)
        body = {
            "receipt": receipt,
            "action": entry.action_id,
            "index": entry.leaf_index,
            "kind": entry.kind,
            "status": entry.status,
            "at_ms": entry.at_ms,
            "person": person,
            "parts": [[text, is_value] for text, is_value in said.parts] if said else [],
            "says": summarize(statement["predicate"], why),
            "statement": orjson.dumps(statement, option=orjson.OPT_INDENT_2).decode(),
            "evidence": [{"label": one.label, "bytes": one.size} for one in sizes],
        }
        return Page("receipt.html", said.quoted if said else "Receipt", body)

    async def proof(self, visit: ConsoleRequest) -> Response:
        """The offline file that proves a receipt."""
        receipt = visit.named("receipt")
        await self._reader.must_see(visit, receipt)
        # INVARIANT: who read evidence is in the log before it is given
        # guard: who downloads a proof
        await access.record(self._inbox.runner.journal, receipt, access.PROOF, visit.person.name)
        data = await self._reader.one_by_one(lambda read: write_proof(read, receipt, None, True).encoded())
        headers = {"content-disposition": f'attachment; filename="{receipt}.proof.json"'}
        return Response(data, media_type="application/json", headers=headers)

    async def verify(self, visit: ConsoleRequest) -> Page:
        """The page that verifies the proof in the browser, with keys that the visitor may bring."""
        receipt = visit.named("receipt")
        await self._reader.must_see(visit, receipt)
        return Page("verify.html", "Verify in this browser", {"receipt": receipt})

    async def roots(self, visit: ConsoleRequest) -> Response:
        """This gateway's own roots: they show that nothing was changed on the way, not who signed."""
        return Response(await asyncio.to_thread(self._roots.read_bytes), media_type="application/json")
