"""The home page: what waits, what is in doubt, what is halted, how things went, and first steps of a new gateway."""

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import JsonValue

from policies.principal import Person
from policies.receipt_policy import RECEIPTS
from receipts.journal.halt import Halt
from receipts.tables import inventory
from server.console.estate import UNUSED, Inventory
from server.console.inbox import InboxPages
from server.console.introductions import PasskeyInvitations
from server.console.overview import DAYS, Overview, overview_of
from server.console.session import passkeys_of
from server.console.visit import ConsoleRequest, Page, View
from server.operations.approval_notifications import ApprovalNotifications

SHOWN = 5
"""How many of what waits are named here; the inbox has all."""


class HomePage:
    """The first page after signing in."""

    def __init__(
        self, inbox: InboxPages, estate: Inventory, notices: ApprovalNotifications, admins: PasskeyInvitations
    ) -> None:
        self._inbox = inbox
        self._estate = estate
        self._notices = notices
        self._admins = admins

    def views(self) -> list[View]:
        """Where it is reached."""
        return [View("GET", "/", self.home, access=RECEIPTS)]

    async def home(self, visit: ConsoleRequest) -> Page:
        """Everything that somebody who comes in the morning wants to know first."""
        tenant, runner = visit.tenant, self._inbox.runner
        mark = await self._inbox.mark(tenant)
        cards = [card for card in await self._inbox.cards(visit.person) if card["can"]]
        opened = await self._inbox.open(tenant)
        store = runner.journal.store
        now = store.now_ms()
        seen = await store.read_aside(lambda read: overview_of(read, tenant, now))
        halts: list[Halt] = await self._estate.halts(tenant)
        body = {
            "cards": cards[:SHOWN],
            "all": len(cards),
            **opened,
            "reviews": await self._inbox.reviews(visit.person),
            "halts": [asdict(halt) for halt in halts],
            "overview": asdict(seen),
            "days": DAYS,
            "connections": await self._connections(visit.person, seen, halts),
            "steps": await self._steps(visit.person),
            "mark": mark,
        }
        return Page("home.html", "Home", body)

    async def _connections(self, person: Person, seen: Overview, halts: Sequence[Halt]) -> list[JsonValue]:
        """Each connection: whether it is halted, how its accounts stand, and how its newest actions ended."""
        states, halted = await self._estate.states(person), {h.name for h in halts if h.scope == "connection"}
        # a halt is one more state of it
        for name in halted:
            states.setdefault(name, set()).add("halted")
        return [
            {
                "name": target.name,
                "states": list[JsonValue](sorted(states.get(target.name, set()))),
                **seen.health.get(target.name, UNUSED),
            }
            for target in self._estate.targets(person.tenant)
        ]

    async def _steps(self, person: Person) -> list[JsonValue]:
        """What an admin of a new gateway has to do once; nothing when all of it is done, and for nobody else."""
        if not self._admins.is_admin(person):
            return []
        journal = self._inbox.runner.journal
        agents = [agent for agent in await self._estate.agents_of(person.tenant) if not agent.revoked]
        done = {
            "passkey": bool(passkeys_of((await journal.registry.keys()).values(), person)),
            "agent": bool(agents),
            "call": bool(await inventory.newest_of(journal.store, person.tenant)),
            "told": self._notices.tells,
        }
        return [] if all(done.values()) else [{"step": step, "done": is_done} for step, is_done in done.items()]
