"""The search in the header: an id leads to its page, other words to what is named so and to actions that say them."""

import re

from starlette.responses import Response

from policies.receipt_policy import RECEIPTS
from receipts.store.row import Read
from receipts.tables.action_search import ActionFilter, FoundAction, find_actions
from server.actions.runner import ActionRunner
from server.console.estate import Inventory
from server.console.redirection import redirect
from server.console.visit import ConsoleRequest, Page, View

_ACTION = re.compile(r"act_[0-9A-Za-z]{1,40}")
_RECEIPT = re.compile(r"rcp_[0-9A-Za-z]{1,40}")
MAX_SHOWN = 20
"""Names, and actions, that one page shows."""


class SearchPage:
    """Finds what a person has a part of the name of, in their tenant."""

    def __init__(self, runner: ActionRunner, estate: Inventory) -> None:
        self._runner = runner
        self._estate = estate

    def views(self) -> list[View]:
        """Where it is reached."""
        return [View("GET", "/search", self.search, access=RECEIPTS)]

    async def search(self, visit: ConsoleRequest) -> Page | Response:
        """Where an id leads, or everything that is named so."""
        text = visit.asked("q")
        # whose page it is decides that page: a foreign id is not found there
        if _ACTION.fullmatch(text):
            return redirect(f"/actions/{text}")
        if _RECEIPT.fullmatch(text):
            return redirect(f"/receipts/{text}")
        found = await self._named(visit, text.casefold()) if text else []
        actions: tuple[FoundAction, ...] = ()
        if text:
            tenant = visit.tenant
            actions = await self._runner.journal.store.read_aside(lambda read: _actions(read, tenant, text))
        told = [
            {
                "action": one.id,
                "says": one.sentence.quoted,
                "status": one.status,
                "person": one.person,
                "at_ms": one.created_ms,
            }
            for one in actions
        ]
        body = {"q": text, "found": found, "actions": told}
        return Page("search.html", "Search", body)

    async def _named(self, visit: ConsoleRequest, text: str) -> list[dict[str, str]]:
        release, tenant = self._estate.release, visit.tenant
        names = [(p.name, p.contract.title, "contract", f"/contracts/{p.name}") for p in self._estate.programs(tenant)]
        names += [(a.name, "", "agent", f"/agents/{a.name}") for a in await self._estate.agents_of(tenant)]
        names += [
            (t.name, "", "connection", f"/connections/{t.name}") for t in release.targets.values() if t.tenant == tenant
        ]
        names += [(p.name, "", "person", "/people") for p in release.people.by_name.values() if p.tenant == tenant]
        hits = [one for one in sorted(names) if text in f"{one[0]} {one[1]}".casefold()]
        return [
            {"name": name, "title": title, "noun": noun, "path": path} for name, title, noun, path in hits[:MAX_SHOWN]
        ]


def _actions(read: Read, tenant: str, text: str) -> tuple[FoundAction, ...]:
    """The newest actions whose sentence has these words, else those about the record of this id or label."""
    for wanted in (
        ActionFilter(tenant=tenant, words=text, top=True),
        ActionFilter(tenant=tenant, record=text, top=True),
    ):
        if rows := find_actions(read, wanted, limit=MAX_SHOWN).rows:
            return rows
    return ()
