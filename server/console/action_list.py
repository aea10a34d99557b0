"""The list of actions: what was done to whom, by which agent and for whom, filtered, searched and paged."""

from functools import partial
from typing import Final, get_args

from pydantic import JsonValue
from starlette.responses import Response

from contracts.schema.contract import RISKS
from policies.receipt_policy import RECEIPTS
from receipts.action.status import Status
from receipts.audit import vocabulary
from receipts.store.row import Read
from receipts.tables.action_search import ActionFilter, ActionPage, FoundAction, find_actions, steps_of
from server.approvals.inbox import Inbox
from server.console.action_rows import verified_of
from server.console.bookmarks import Bookmarks
from server.console.csv_export import PAGE, csv_response, pages_of
from server.console.list_query import ListQuery, choices, instant
from server.console.visit import ConsoleRequest, Page, View
from server.results.timestamp import iso

FILTERS: Final = (
    "words", "status", "agent", "contract", "connection", "person", "approver", "record", "kind", "risk", "plan",
    "since", "until",
)  # fmt: skip
KINDS: Final = ("write", "read")
COLUMNS: Final = (
    "at", "action", "what", "for", "agent", "status", "verified", "contract", "connection", "kind", "risk", "plan",
)  # fmt: skip


class ActionLists:
    """The pages and the export of the list."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/actions", self.actions, access=RECEIPTS),
            View("GET", "/actions.csv", self.export, access=RECEIPTS),
        ]

    async def actions(self, visit: ConsoleRequest) -> Page:
        """Actions, newest first; steps of plans are folded into their plan unless something is asked for."""
        query = ListQuery.of(visit, "/actions", FILTERS)
        store = self._inbox.runner.journal.store
        wanted = self._filter(visit, query)

        def look(read: Read) -> tuple[ActionPage, dict[str, list[str]], dict[str, int]]:
            known = self._known(read, visit, query)
            found = find_actions(read, wanted, before=query.before or None, after=query.after or None)
            return found, known, steps_of(read, [one.id for one in found.rows])

        found, known, steps = await store.read_aside(look)
        body = {
            "actions": [action_row(one, steps.get(one.id, 0)) for one in found.rows],
            "asked": dict(query.asked),
            "chips": query.chips,
            "here": query.url(),
            "bookmarks": Bookmarks.of(visit).named("/actions"),
            "options": known,
            "links": query.links(found.older, found.newer),
            "older": found.older,
            "newer": found.newer,
            "looked_back": found.looked_back_to is not None,
            "exports": {"csv": query.url().replace("/actions", "/actions.csv", 1), "json": _as_json(query)},
        }
        return Page("actions.html", "Actions", body)

    async def export(self, visit: ConsoleRequest) -> Response:
        """The same actions as a file, 10,000 at most."""
        query = ListQuery.of(visit, "/actions", FILTERS)
        store, wanted = self._inbox.runner.journal.store, self._filter(visit, query)
        await store.read_aside(lambda read: self._known(read, visit, query))

        async def page(before: str | None) -> tuple[list[list[object]], str | None]:
            found = await store.read_aside(partial(find_actions, wanted=wanted, before=before, limit=PAGE))
            return [_cells(one) for one in found.rows], found.older

        return csv_response("actions", COLUMNS, pages_of(page, query.before or None))

    def _filter(self, visit: ConsoleRequest, query: ListQuery) -> ActionFilter:
        asked, now = query.asked, self._inbox.runner.journal.store.now_ms()
        wanted = ActionFilter(
            tenant=visit.tenant,
            words=asked["words"],
            status=asked["status"],
            agent=asked["agent"],
            contract=asked["contract"],
            connection=asked["connection"],
            person=asked["person"],
            approver=asked["approver"],
            record=asked["record"],
            kind=asked["kind"],
            risk=asked["risk"],
            plan=asked["plan"],
            since_ms=instant(asked["since"], now),
            until_ms=instant(asked["until"], now),
        )
        return wanted if wanted.narrows else ActionFilter(tenant=visit.tenant, top=True)

    def _known(self, read: Read, visit: ConsoleRequest, query: ListQuery) -> dict[str, list[str]]:
        """What each select offers; a name that nobody ever had is an error, and no empty page."""
        release, tenant, asked = self._inbox.runner.release, visit.tenant, query.asked
        own = sorted(p.name for p in release.people.by_name.values() if p.tenant == tenant)
        targets = [t.name for t in release.targets.values() if t.tenant == tenant]
        known: dict[str, list[str]] = {
            "status": list(get_args(Status)),
            "agent": vocabulary.agents(read, tenant),
            "contract": vocabulary.contracts(read, tenant),
            "connection": sorted({*vocabulary.connections(read, tenant), *targets}),
            "person": sorted({*vocabulary.people(read, tenant), *own}),
            "approver": own,
            "kind": list(KINDS),
            "risk": list(RISKS),
        }
        return choices(known, asked)


def action_row(one: FoundAction, steps: int = 0) -> dict[str, JsonValue]:
    """An action as a row of a list."""
    return {
        "action": one.id,
        "says": one.sentence.quoted,
        "parts": [[text, is_value] for text, is_value in one.sentence.parts],
        "contract": one.contract,
        "kind": one.kind,
        "risk": one.risk,
        "connection": one.connection,
        "state": one.state,
        "status": one.status,
        "agent": one.agent,
        "person": one.person,
        "at_ms": one.created_ms,
        "verified": verified_of(one.result, one.kind),
        "plan": one.plan_id,
        "undoes": one.undoes,
        "steps": steps,
    }


def _cells(one: FoundAction) -> list[object]:
    return [
        iso(one.created_ms),
        one.id,
        one.sentence.quoted,
        one.person,
        one.agent,
        one.status,
        verified_of(one.result, one.kind),
        one.contract,
        one.connection,
        one.kind,
        one.risk,
        one.plan_id,
    ]


def _as_json(query: ListQuery) -> str:
    here = {"before": query.before, "after": query.after}
    return query.url(**here).replace("/actions", "/actions.json", 1)
