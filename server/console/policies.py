"""Policies: what each says in words and in Cedar, which contracts it is about, and what it decided lately."""

from collections.abc import Callable
from dataclasses import asdict

from pydantic import JsonValue

from contracts.errors import AilyusError
from policies.bundle import Bundle
from policies.policy_text import text_of_policy
from policies.policy_words import words_of
from policies.principal import Person
from receipts.tables.policy_uses import PolicyUse, policy_uses
from server.console.estate import Inventory, is_alone
from server.console.shadow import shadow_of
from server.console.visit import ConsoleRequest, Page, View

DAYS = 30
"""How far back decisions are counted."""


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
        shadow = await shadow_of(self._estate.store, self._estate.release, visit.person)
        body = {"policies": rows, "days": DAYS, "shadow": shadow, "may_edit": self._may_edit(visit)}
        return Page("policies.html", "Policies", body)

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
