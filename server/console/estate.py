"""What is governed: contracts, agents and connections, who may use them, and their kill switches."""

from dataclasses import asdict

from starlette.responses import Response

from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.release import Release
from receipts.journal.halt import Halt
from receipts.tables import intents, inventory
from server.actions.runner import ActionRunner
from server.connections.connections import Connections
from server.console.redirection import redirect
from server.console.visit import ConsoleRequest, Page, View
from server.identity.agents import Agents
from server.operations.halts import NewHalt, halt, lift

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
            View("GET", "/contracts", self.contracts),
            View("GET", "/contracts/{name}", self.contract),
            View("GET", "/agents", self.agents),
            View("GET", "/connections", self.connections),
            View("POST", "/halts", self.halt),
            View("POST", "/halts/lift", self.lift),
        ]

    async def contracts(self, visit: ConsoleRequest) -> Page:
        """Every contract that a connection of this tenant serves, and every plan of such."""
        release, last = self._runner.release, await self._last(visit.tenant)
        halted = self._halted("contract")
        rows = [
            {
                "name": program.name,
                "title": program.contract.title,
                "kind": program.contract.kind,
                "risk": program.contract.risk,
                "version": program.contract.version,
                "last_ms": last.get(program.name),
                "halted": program.name in halted,
            }
            for program in self._programs(release, visit.tenant)
        ]
        plans = [
            {
                "name": p.name,
                "title": p.plan.title,
                "risk": p.risk,
                "steps": list(dict.fromkeys(step.contract for block in p.blocks for step in block.steps)),
                "last_ms": last.get(p.name),
                "halted": p.name in halted,
            }
            for p in release.catalog.plans.values()
            if {step.contract for block in p.blocks for step in block.steps} <= {str(r["name"]) for r in rows}
        ]
        return Page("contracts.html", "Contracts", {"contracts": rows, "plans": plans})

    async def contract(self, visit: ConsoleRequest) -> Page:
        """What one contract does, what it expects, who may use it, and when it last ran."""
        release, name = self._runner.release, visit.named("name")
        program = next((p for p in self._programs(release, visit.tenant) if p.name == name), None)
        if program is None:
            raise AilyusError("not_found", "there is no such contract in your tenant", hint="see the list of contracts")
        contract = program.contract
        targets = release.targets.candidates(program, visit.tenant)
        users = [
            {"agent": agent.name, "person": agent.person}
            for agent in await self._agents.list()
            if agent.tenant == visit.tenant
            and (caller := await self._agents.named(agent.name)) is not None
            and any(release.decider.denied_early(name, caller, target) is None for target in targets)
        ]
        return Page(
            "contract.html",
            contract.title,
            {
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
                "connections": [t.name for t in targets],
                "users": users,
                "policies": sorted(release.decider.bundle.slices[name].nodes),
                "last_ms": (await self._last(visit.tenant)).get(name),
                "halted": name in self._halted("contract"),
            },
        )

    async def agents(self, visit: ConsoleRequest) -> Page:
        """The agents of this tenant, and what they may not do any more."""
        rows = [
            {**asdict(agent), "roles": sorted(agent.roles), "halted": agent.name in self._halted("agent")}
            for agent in await self._agents.list()
            if agent.tenant == visit.tenant
        ]
        return Page("agents.html", "Agents", {"agents": rows})

    async def connections(self, visit: ConsoleRequest) -> Page:
        """The connections of this tenant, what is on the wire, and what is halted."""
        runner = self._runner
        wire = await intents.per_connection(runner.journal.store, visit.tenant)
        targets = [t for t in runner.release.targets.values() if t.tenant == visit.tenant]
        states: dict[str, set[str]] = {}
        for row in await self._connections.rows():
            if row.side and row.person in ("", visit.person.name):  # another person's account is theirs to see
                states.setdefault(row.connection, set()).add(row.state)
        rows = [
            {
                "name": t.name,
                "kind": t.kind,
                "environment": t.environment,
                "principal": t.principal,
                "base_url": t.base_url,
                "on_the_wire": wire.get(t.name, 0),
                "halted": t.name in self._halted("connection"),
                "states": sorted(states.get(t.name, ())),
            }
            for t in sorted(targets, key=lambda t: t.name)
        ]
        halts = [asdict(h) for h in await self.halts(visit.tenant)]
        return Page("connections.html", "Connections", {"connections": rows, "halts": halts})

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
            hint = "halt a connection or an agent of your tenant; `ailyus halt` at the terminal stops what is shared"
            raise AilyusError("no_authority", "this is not your tenant's alone", hint=hint)

    def _programs(self, release: Release, tenant: str) -> list[Program]:
        found = sorted(release.catalog.programs.values(), key=lambda p: p.name)
        return [p for p in found if release.targets.candidates(p, tenant)]

    async def _last(self, tenant: str) -> dict[str, int]:
        return await self._runner.journal.store.read_aside(lambda read: inventory.last_calls(read, tenant))

    def _halted(self, scope: str) -> set[str]:
        return {h.name for h in self._runner.journal.controls.halts if h.scope == scope}
