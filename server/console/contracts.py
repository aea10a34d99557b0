"""Contracts and plans: what each does and how it is written, who may use it, its versions, and how it went lately."""

from typing import Final

from pydantic import JsonValue

from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from receipts.store.row import Read
from receipts.tables import uses
from receipts.tables.action_search import ActionFilter, find_actions
from receipts.tables.uses import Use
from server.console.estate import Inventory
from server.console.filters import counted
from server.console.visit import ConsoleRequest, Page, View
from server.identity.agents import Agents
from server.workspace.contract_versions import ContractVersion, versions_of

DAYS: Final = 30
"""How far back actions are counted."""
MAX_RELEASES: Final = 10
"""The last releases whose files are compared."""
SHOWN: Final = 5
"""The newest actions on the page of a contract."""
_ENDED: Final = ("confirmed", "not_applied", "diverged", "unknown", "compensated", "partial")
"""The statuses of what was carried out, or tried."""


class ContractPages:
    """The catalog of the live release, as one tenant may use it."""

    def __init__(self, estate: Inventory, agents: Agents) -> None:
        self._estate = estate
        self._agents = agents

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/contracts", self.contracts),
            View("GET", "/contracts/{name}", self.contract),
            View("GET", "/plans/{name}", self.plan),
        ]

    async def contracts(self, visit: ConsoleRequest) -> Page:
        """Every contract that a connection of this tenant serves, and every plan of such."""
        counts, last = await self._counts(visit.tenant), await self._estate.last(visit.tenant)
        halted = self._estate.halted("contract")
        rows = [
            {
                "name": program.name,
                "title": program.contract.title,
                "system": program.contract.target,
                "kind": program.contract.kind,
                "risk": program.contract.risk,
                "version": program.contract.version,
                "last_ms": last.get(program.name),
                "went": _went(counts, program.name),
                "halted": program.name in halted,
            }
            for program in self._estate.programs(visit.tenant)
        ]
        plans = [
            {
                "name": plan.name,
                "title": plan.plan.title,
                "risk": plan.risk,
                "steps": _steps(plan),
                "last_ms": last.get(plan.name),
                "went": _went(counts, plan.name),
                "halted": plan.name in halted,
            }
            for plan in self._plans(visit.tenant)
        ]
        return Page("contracts.html", "Contracts", {"contracts": rows, "plans": plans, "days": DAYS})

    async def contract(self, visit: ConsoleRequest) -> Page:
        """What one contract does, what it expects, who may use it, and how it went."""
        release, name = self._estate.release, visit.named("name")
        program = next((p for p in self._estate.programs(visit.tenant) if p.name == name), None)
        if program is None:
            raise AilyusError("not_found", "there is no such contract in your tenant", hint="see the list of contracts")
        contract = program.contract
        body: dict[str, object] = {
            "name": name,
            "kind": contract.kind,
            "risk": contract.risk,
            "version": contract.version,
            "digest": program.digest,
            "summary": contract.summary,
            "use_when": contract.use_when,
            "not_for": contract.not_for,
            "verified_against": contract.verified_against,
            "routes": [route.said for route in program.routes],
            "inputs": [[n, i.description] for n, i in contract.inputs.items()],
            "require": [c.said for c in program.require],
            "expect": [c.said for c in program.expect],
            "unchanged": list(contract.unchanged),
            "undo": contract.undo if isinstance(contract.undo, str) else "undo" if contract.undo else "none",
            "connections": [t.name for t in release.targets.candidates(program, visit.tenant)],
            "users": await self._users(visit.tenant, program),
            "policies": [n for n, about in self._estate.policies_of(visit.tenant).items() if name in about],
        }
        return Page("contract.html", contract.title, body | await self._lately(visit.tenant, name))

    async def plan(self, visit: ConsoleRequest) -> Page:
        """One plan: its steps, how it is written, and how it went."""
        name = visit.named("name")
        plan = next((p for p in self._plans(visit.tenant) if p.name == name), None)
        if plan is None:
            raise AilyusError("not_found", "there is no such plan in your tenant", hint="see the list of contracts")
        body = {"name": name, "risk": plan.risk, "steps": _steps(plan)}
        return Page("plan.html", plan.plan.title, body | await self._lately(visit.tenant, name))

    def _plans(self, tenant: str) -> list[PlanProgram]:
        """The plans whose steps are all contracts of this tenant, by name."""
        served = {program.name for program in self._estate.programs(tenant)}
        found = sorted(self._estate.release.catalog.plans.values(), key=lambda plan: plan.name)
        return [plan for plan in found if set(_steps(plan)) <= served]

    async def _users(self, tenant: str, program: Program) -> list[dict[str, JsonValue]]:
        """The agents whom Cedar does not deny it before a record is known, and for whom each acts."""
        release = self._estate.release
        targets = release.targets.candidates(program, tenant)
        return [
            {"agent": agent.name, "person": agent.person, "roles": list[JsonValue](sorted(agent.roles))}
            for agent in await self._estate.agents_of(tenant)
            if (caller := await self._agents.named(agent.name)) is not None
            and any(release.decider.denied_early(program.name, caller, target) is None for target in targets)
        ]

    async def _lately(self, tenant: str, name: str) -> dict[str, object]:
        """Its newest actions, how all of them ended, its file, and what releases changed in it."""
        store = self._estate.store

        def look(read: Read) -> tuple[list[dict[str, JsonValue]], list[ContractVersion]]:
            found = find_actions(read, ActionFilter(tenant=tenant, contract=name), limit=SHOWN)
            newest: list[dict[str, JsonValue]] = [
                {"action": one.id, "says": one.sentence.text, "status": one.status, "at_ms": one.created_ms}
                for one in found.rows
            ]
            # out of the log and not out of the folder: what is shown is what decides
            return newest, versions_of(read, store.keys, name, MAX_RELEASES)

        newest, versions = await store.read_aside(look)
        counts = await self._counts(tenant)
        return {
            "days": DAYS,
            "newest": newest,
            "calls": {use.status: use.count for use in counts if use.name == name},
            "went": _went(counts, name),
            "lines": versions[0].text.rstrip("\n").split("\n") if versions else [],
            "versions": [
                {
                    "release": one.record.digest,
                    "author": one.record.author,
                    "at_ms": one.record.at_ms,
                    "difference": list(one.difference),
                }
                for one in versions
            ],
            "last_ms": (await self._estate.last(tenant)).get(name),
            "halted": name in self._estate.halted("contract"),
        }

    async def _counts(self, tenant: str) -> list[Use]:
        store = self._estate.store
        since = store.now_ms() - DAYS * 86_400_000
        return await store.read_aside(lambda read: uses.of_contracts(read, tenant, since))


def _steps(plan: PlanProgram) -> list[str]:
    """The contracts of a plan, each once, in their order."""
    return list(dict.fromkeys(step.contract for block in plan.blocks for step in block.steps))


def _went(counts: list[Use], name: str) -> str:
    """How many of those that were carried out were confirmed; empty where none was."""
    # what waits or was denied says nothing about how well it goes
    own = {use.status: use.count for use in counts if use.name == name and use.status in _ENDED}
    return f"{own.get('confirmed', 0)} of {counted(sum(own.values()), 'action')} confirmed" if own else ""
