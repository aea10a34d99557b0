"""The list of receipts: every signed statement about what agents asked for, filtered, searched and paged."""

from dataclasses import asdict
from functools import partial
from typing import Final, get_args

from pydantic import JsonValue
from starlette.responses import Response

from contracts.schema.contract import RISKS
from policies.receipt_policy import RECEIPTS
from receipts.action.status import Status
from receipts.audit import vocabulary
from receipts.audit.vocabulary import OTHER_STATUSES
from receipts.statement.facts import Kind
from receipts.store.row import Read
from receipts.tables.receipt_search import FoundReceipt, ReceiptFilter, ReceiptPage, find_receipts
from server.approvals.inbox import Inbox
from server.console.action_list import KINDS
from server.console.bookmarks import Bookmarks
from server.console.csv_export import PAGE, csv_response, pages_of
from server.console.list_query import ListQuery, choices, instant
from server.console.questions import QUESTIONS
from server.console.visit import ConsoleRequest, Page, View
from server.results.timestamp import iso

FILTERS: Final = (
    "words", "record", "status", "kind", "agent", "contract", "connection", "person", "approver", "risk", "action_kind",
    "action", "since", "until",
)  # fmt: skip
COLUMNS: Final = ("at", "receipt", "kind", "status", "what", "for", "agent", "contract", "action", "log_index")


class ReceiptLists:
    """The pages and the export of the list."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/receipts", self.receipts, access=RECEIPTS),
            View("GET", "/receipts.csv", self.export, access=RECEIPTS),
        ]

    async def receipts(self, visit: ConsoleRequest) -> Page:
        """Receipts, newest first; an intent is folded into what came of it."""
        query = ListQuery.of(visit, "/receipts", FILTERS)
        wanted, (before, after) = self._filter(visit, query), query.place()

        def look(read: Read) -> tuple[ReceiptPage, dict[str, list[str]]]:
            known = self._known(read, visit, query)
            return find_receipts(read, wanted, before=before, after=after), known

        found, known = await self._inbox.runner.journal.store.read_aside(look)
        body = {
            "found": [receipt_row(one) for one in found.rows],
            "questions": [asdict(question) for question in QUESTIONS],
            "asked": dict(query.asked),
            "chips": query.chips,
            "here": query.url(),
            "bookmarks": Bookmarks.of(visit).named("/receipts"),
            "options": known,
            "links": query.links(found.older, found.newer),
            "older": found.older,
            "newer": found.newer,
            "looked_back": found.looked_back_to is not None,
            "of_newest": found.of_newest,
            "exports": {
                "csv": query.url().replace("/receipts", "/receipts.csv", 1),
                "json": query.url(before=query.before, after=query.after).replace("/receipts", "/receipts.json", 1),
            },
        }
        return Page("receipts.html", "Receipts", body)

    async def export(self, visit: ConsoleRequest) -> Response:
        """The same receipts as a file, 10,000 at most."""
        query = ListQuery.of(visit, "/receipts", FILTERS)
        store, wanted = self._inbox.runner.journal.store, self._filter(visit, query)
        await store.read_aside(lambda read: self._known(read, visit, query))

        async def page(before: int | None) -> tuple[list[list[object]], int | None]:
            found = await store.read_aside(partial(find_receipts, wanted=wanted, before=before, limit=PAGE))
            return [_cells(one) for one in found.rows], found.older

        return csv_response("receipts", COLUMNS, pages_of(page, query.place()[0]))

    def _filter(self, visit: ConsoleRequest, query: ListQuery) -> ReceiptFilter:
        asked, now = query.asked, self._inbox.runner.journal.store.now_ms()
        return ReceiptFilter(
            tenant=visit.tenant,
            kind=asked["kind"],
            status=asked["status"],
            agent=asked["agent"],
            contract=asked["contract"],
            connection=asked["connection"],
            person=asked["person"],
            approver=asked["approver"],
            risk=asked["risk"],
            action_kind=asked["action_kind"],
            record=asked["record"],
            action=asked["action"],
            words=asked["words"],
            since_ms=instant(asked["since"], now),
            until_ms=instant(asked["until"], now),
        )

    def _known(self, read: Read, visit: ConsoleRequest, query: ListQuery) -> dict[str, list[str]]:
        """What each select offers; a name that nobody ever had is an error, and no empty page."""
        release, tenant, asked = self._inbox.runner.release, visit.tenant, query.asked
        own = [p.name for p in release.people.by_name.values() if p.tenant == tenant]
        known: dict[str, list[str]] = {
            "status": [*get_args(Status), *OTHER_STATUSES],
            "kind": list(get_args(Kind)),
            "agent": vocabulary.agents(read, tenant),
            "contract": vocabulary.contracts(read, tenant),
            "connection": vocabulary.connections(read, tenant),
            "person": sorted({*vocabulary.people(read, tenant), *own}),
            "approver": sorted(own),
            "risk": list(RISKS),
            "action_kind": list(KINDS),
        }
        return choices(known, asked)


def receipt_row(one: FoundReceipt) -> dict[str, JsonValue]:
    """A receipt as a row of a list."""
    said = one.sentence
    return {
        "receipt_id": one.receipt_id,
        "leaf_index": one.leaf_index,
        "kind": one.kind,
        "action_id": one.action_id,
        "says": said.quoted if said else "",
        "parts": [[text, is_value] for text, is_value in said.parts] if said else [],
        "tenant": one.tenant,
        "person": one.person,
        "agent": one.agent,
        "contract": one.contract,
        "status": one.status,
        "changed": one.changed,
        "at_ms": one.at_ms,
    }


def _cells(one: FoundReceipt) -> list[object]:
    return [
        iso(one.at_ms),
        one.receipt_id,
        one.kind,
        one.status,
        one.sentence.quoted if one.sentence else "",
        one.person,
        one.agent,
        one.contract,
        one.action_id,
        one.leaf_index,
    ]
