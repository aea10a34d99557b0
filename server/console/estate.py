"""What is governed, as a tenant has it: contracts, agents, connections; the list of connections, and kill switches."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from pydantic import JsonValue
from starlette.responses import Response

from contracts.action.target import Target
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.principal import Person
from policies.release import Release
from receipts.journal.halt import Halt
from receipts.store.store import Store
from receipts.tables import intents, inventory, overview
from server.actions.runner import ActionRunner
from server.console.overview import DAYS, health_of
from server.console.redirection import redirect
from server.console.visit import ConsoleRequest, Page, View
from server.identity.agents import Agent, Agents
from server.operations.connections.connections import Connections
from server.operations.halts import NewHalt, halt, lift

UNUSED: Final[Mapping[str, JsonValue]] = {"said": "", "last_ms": None, "median": ""}
"""The health of a connection by which nothing was sent lately."""
BACK = {"all": "/connections", "connection": "/connections", "contract": "/contracts", "agent": "/agents"}


class Inventory:
    """The catalog, the agents, the connections."""

    def __init__(self, runner: ActionRunner, agents: Agents, connections: Connections) -> None:
        self._runner = runner
        self._connections = connections
        self._agents = agents

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/connections", self.connections),
            View("POST", "/halts", self.halt),
            View("POST", "/halts/lift", self.lift),
        ]

    async def connections(self, visit: ConsoleRequest) -> Page:
        """The connections of this tenant, what is on the wire, and what is halted."""
        runner = self._runner
        wire = await intents.per_connection(runner.journal.store, visit.tenant)
        states, health = await self.states(visit.person), await self.health(visit.tenant)
        rows = [
            {
                "name": t.name,
                "kind": t.kind,
                "environment": t.environment,
                "principal": t.principal,
                "base_url": t.base_url,
                "on_the_wire": wire.get(t.name, 0),
                "halted": t.name in self.halted("connection"),
                "states": sorted(states.get(t.name, ())),
                **health.get(t.name, UNUSED),
            }
            for t in self.targets(visit.tenant)
        ]
        halts = [asdict(h) for h in await self.halts(visit.tenant)]
        return Page("connections.html", "Connections", {"connections": rows, "halts": halts})

    async def health(self, tenant: str) -> Mapping[str, dict[str, JsonValue]]:
        """How the newest actions of each connection went; nothing of one that was not used lately."""
        since = self.store.now_ms() - DAYS * 86_400_000
        return health_of(await self.store.read_aside(lambda read: overview.sent(read, tenant, since)))

    async def halts(self, tenant: str) -> list[Halt]:
        """What is halted now, of everything that actions of this tenant pass, oldest first."""
        runner = self._runner
        if not runner.journal.controls.halts:
            return []
        connections = {t.name for t in runner.release.targets.values() if t.tenant == tenant}
        agents = {a.name for a in await self._agents.list() if a.tenant == tenant}
        mine = {"connection": connections, "route": connections, "agent": agents}
        return [
            h
            for h in runner.journal.controls.halts
            if h.scope in ("all", "contract") or h.name.partition("/")[0] in mine[h.scope]
        ]

    async def halt(self, visit: ConsoleRequest) -> Response:
        """Stop one thing of this tenant from now on."""
        scope, name = visit.form["scope"], visit.form.get("name", "")
        await self._require_own(visit, scope, name)
        new = NewHalt.model_validate(
            {
                "scope": scope,
                "name": name,
                "allow_undo": visit.form.get("allow_undo") == "yes",
                "by": visit.person.name,
                "reason": visit.form["reason"].strip(),
            }
        )
        await halt(self._runner, self._agents, new)
        return redirect(BACK.get(scope, "/connections"))

    async def lift(self, visit: ConsoleRequest) -> Response:
        """Let it go on."""
        scope, name = visit.form["scope"], visit.form.get("name", "")
        await self._require_own(visit, scope, name.partition("/")[0] if scope == "route" else name)
        await lift(self._runner, scope, name, visit.person.name)
        return redirect(BACK.get(scope, "/connections"))

    async def _require_own(self, visit: ConsoleRequest, scope: str, name: str) -> None:
        """Nobody stops another tenant's work; what several tenants share is stopped at the terminal."""
        release = self._runner.release
        tenants = {t.tenant for t in release.targets.values()}
        target = release.targets.get(name)
        agent = next((a for a in await self._agents.list() if a.name == name), None)
        if scope in ("connection", "route"):
            own = target is not None and target.tenant == visit.tenant
        elif scope == "agent":
            own = agent is not None and agent.tenant == visit.tenant
        else:
            # a contract serves every tenant: who halts it stops the work of all of them
            own = tenants == {visit.tenant} or not tenants
        if not own:
            hint = (
                "halt a connection or an agent of your tenant; `ailyus halt add` at the terminal stops what is shared"
            )
            raise AilyusError("no_authority", "this is not your tenant's alone", hint=hint)

    @property
    def store(self) -> Store:
        """What it reads."""
        return self._runner.journal.store

    @property
    def release(self) -> Release:
        """The live release."""
        return self._runner.release

    async def agents_of(self, tenant: str) -> list[Agent]:
        """Every agent of a tenant."""
        return [agent for agent in await self._agents.list() if agent.tenant == tenant]

    def targets(self, tenant: str) -> list[Target]:
        """The connections of a tenant, by name."""
        return sorted((t for t in self.release.targets.values() if t.tenant == tenant), key=lambda t: t.name)

    async def states(self, person: Person) -> dict[str, set[str]]:
        """How the accounts of connections stand: those that all share, and this person's own."""
        found: dict[str, set[str]] = {}
        for row in await self._connections.rows():
            if row.side and row.person in ("", person.name):  # another person's account is theirs to see
                found.setdefault(row.connection, set()).add(row.state)
        return found

    def programs(self, tenant: str) -> list[Program]:
        """The contracts that a connection of this tenant serves, by name."""
        release = self.release
        found = sorted(release.catalog.programs.values(), key=lambda p: p.name)
        return [p for p in found if release.targets.candidates(p, tenant)]

    def policies_of(self, tenant: str) -> dict[str, list[str]]:
        """Each policy, with the contracts of this tenant that it can say anything about."""
        # INVARIANT 9: a policy that names another tenant, its people or its connections is shown to nobody here
        foreign = self._foreign_names(tenant)  # guard: policies of other tenants
        bundle, found = self.release.decider.bundle, dict[str, list[str]]()
        for program in self.programs(tenant):
            for action in (program.name, f"approve:{program.name}"):
                for name in bundle.slices[action].nodes:
                    found.setdefault(name, []).append(program.name)
        return {
            name: list(dict.fromkeys(contracts))
            for name, contracts in sorted(found.items())
            if not any(f'"{other}"'.encode() in bundle.sources[name] for other in foreign)
        }

    def _foreign_names(self, tenant: str) -> set[str]:
        """The names of other tenants, of their people and their connections, as far as this tenant has not the same."""
        release = self.release
        targets, people = release.targets.values(), release.people.by_name.values()
        own, foreign = {tenant}, set[str]()
        for name, of in [*((t.name, t.tenant) for t in targets), *((p.name, p.tenant) for p in people)]:
            (own if of == tenant else foreign).update((name, of))
        # a name that both have tells nothing of the other
        return foreign - own

    async def last(self, tenant: str) -> dict[str, int]:
        """When each contract was last called in a tenant."""
        return await self._runner.journal.store.read_aside(lambda read: inventory.last_calls(read, tenant))

    def halted(self, scope: str) -> set[str]:
        """The names that are halted in one scope."""
        return {h.name for h in self._runner.journal.controls.halts if h.scope == scope}


def is_alone(release: Release, tenant: str) -> bool:
    """Is everything in the release this tenant's, so that its people may see whole files?"""
    tenants = {target.tenant for target in release.targets.values()}
    return tenants | {person.tenant for person in release.people.by_name.values()} == {tenant}
