"""Policies: what each says in words and in Cedar, which contracts it is about, and what it decided lately."""

from collections.abc import Callable
from dataclasses import asdict

from pydantic import JsonValue

from contracts.errors import AilyusError
from policies.bundle import Bundle
from policies.policy_text import text_of_policy
from policies.policy_words import words_of
from policies.principal import Person
from receipts.tables import shadows
from receipts.tables.policy_uses import PolicyUse, policy_uses
from server.console.estate import Inventory
from server.console.releases import is_alone
from server.console.visit import ConsoleRequest, Page, View

DAYS = 30
"""How far back decisions are counted."""
MAX_FLIPS = 50
"""Kinds of flips of a shadow on one page; `ailyus policy shadow report` has all."""


class PolicyPages:
    """The policies of the live release, as one tenant sees them."""

    def __init__(self, estate: Inventory, is_admin: Callable[[Person], bool]) -> None:
        self._estate = estate
        self._is_admin = is_admin

    def views(self) -> list[View]:
        """Where they are reached."""
        return [View("GET", "/policies", self.policies), View("GET", "/policies/{name}", self.policy)]

    async def policies(self, visit: ConsoleRequest) -> Page:
        """Every policy that can say anything about an action of this tenant, those that decided most often first."""
        uses = await self._uses(visit.tenant)
        rows = [self._row(name, uses, contracts) for name, contracts in self._estate.policies_of(visit.tenant).items()]
        rows.sort(key=lambda row: (-sum(asdict(uses.get(str(row["name"]), PolicyUse())).values()), str(row["name"])))
        shadow = await self._shadow(visit.tenant)
        body = {"policies": rows, "days": DAYS, "shadow": shadow, "may_edit": self._may_edit(visit)}
        return Page("policies.html", "Policies", body)

    async def _shadow(self, tenant: str) -> dict[str, JsonValue] | None:
        """The candidate that decides beside the live release, and what it makes otherwise for this tenant."""
        store = self._estate.store
        record = await store.read_aside(shadows.current)
        if record is None or not record.is_on(store.now_ms()):
            return None
        # what the shadow did for other tenants is not told here, as a number neither
        flips = [one for one in await store.read_aside(shadows.flips) if one.tenant == tenant]
        counts: dict[str, JsonValue] = {
            kind: sum(one.count for one in flips if one.kind == kind) for kind in ("wider", "narrower")
        }
        told: list[JsonValue] = [one.model_dump(mode="json") for one in flips[:MAX_FLIPS]]
        return {"name": record.name, "by": record.by, "began_ms": record.began_ms, **counts, "flips": told}

    async def policy(self, visit: ConsoleRequest) -> Page:
        """One policy."""
        name, own = visit.named("name"), self._estate.policies_of(visit.tenant)
        if name not in own:
            raise AilyusError("not_found", "there is no such policy for your tenant", hint="see the list of policies")
        bundle = self._bundle
        row = self._row(name, await self._uses(visit.tenant), own[name])
        body = {**row, "days": DAYS, "lines": text_of_policy(bundle, name).split("\n"), "at": _place(bundle, name)}
        body["may_edit"] = self._may_edit(visit)
        return Page("policy.html", str(row["title"] or name), body)

    def _may_edit(self, visit: ConsoleRequest) -> bool:
        return self._is_admin(visit.person) and is_alone(self._estate.release, visit.tenant)

    @property
    def _bundle(self) -> Bundle:
        return self._estate.release.decider.bundle

    def _row(self, name: str, uses: dict[str, PolicyUse], contracts: list[str]) -> dict[str, JsonValue]:
        bundle = self._bundle
        own = next(own for own in bundle.slices.values() if name in own.nodes)
        (words,) = words_of(own, [name])
        return {
            "name": name,
            "title": words.title,
            "why": words.why,
            "effect": own.nodes[name].effect,
            "lifted": name in own.guards,
            "contracts": list[JsonValue](contracts),
            **asdict(uses.get(name, PolicyUse())),
        }

    async def _uses(self, tenant: str) -> dict[str, PolicyUse]:
        store = self._estate.store
        since = store.now_ms() - DAYS * 86_400_000
        return await store.read_aside(lambda read: policy_uses(read, tenant, since))


def _place(bundle: Bundle, name: str) -> str:
    """The file and line where its `@id` stands, for whoever has the files."""
    for file, text in sorted(bundle.policy_texts.items()):
        place = text.find(f'@id("{name}")')
        if place >= 0:
            return f"{file}:{text.count(chr(10), 0, place) + 1}"
    return ""
