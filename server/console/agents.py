"""Agents: for whom each acts, how much it was used, how old its token is; and its token rotated or revoked."""

from collections.abc import Callable

from pydantic import JsonValue
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.principal import Person
from receipts.store.row import Read
from receipts.tables import uses
from receipts.tables.uses import Use
from server.actions.runner import ActionRunner
from server.console.redirection import redirect
from server.console.visit import ConsoleRequest, Page, View
from server.identity.agents import Agent, Agents

DAYS = 30
"""How far back calls are counted."""


class AgentPages:
    """The agents of a tenant. Everybody sees them; an admin rotates and revokes their tokens."""

    def __init__(self, runner: ActionRunner, agents: Agents, is_admin: Callable[[Person], bool]) -> None:
        self._runner = runner
        self._agents = agents
        self._is_admin = is_admin

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/agents", self.agents),
            View("GET", "/agents/{name}", self.agent),
            View("POST", "/agents/{name}/rotate", self.rotate),
            View("POST", "/agents/{name}/revoke", self.revoke),
        ]

    async def agents(self, visit: ConsoleRequest) -> Page:
        """The agents of this tenant, when each called last, and what they may not do any more."""
        found = [agent for agent in await self._agents.list() if agent.tenant == visit.tenant]
        return Page("agents.html", "Agents", {"agents": await self._rows(visit.tenant, found), "days": DAYS})

    async def agent(self, visit: ConsoleRequest) -> Page:
        """One agent: its calls by how they ended, its token, its kill switch."""
        agent = await self._named(visit)
        (row,) = await self._rows(visit.tenant, [agent])
        body = {"agent": row, "days": DAYS, "admin": self._is_admin(visit.person)}
        return Page("agent.html", agent.name, body)

    async def rotate(self, visit: ConsoleRequest) -> Page:
        """Another token, on a page that is shown once; the one before is refused from now on."""
        agent = await self._named(visit)
        self._require_admin(visit)
        # under the token that its page spoke of: of two admins at once, one is told
        token = await self._agents.rotate(agent.name, visit.person.name, int(visit.form["given_ms"]))
        return Page("token.html", f"The token of {agent.name}", {"name": agent.name, "secret": token})

    async def revoke(self, visit: ConsoleRequest) -> Response:
        """Its token is refused from now on."""
        agent = await self._named(visit)
        self._require_admin(visit)
        await self._agents.change(agent.name, revoke=True, by=visit.person.name)
        return redirect(f"/agents/{agent.name}")

    async def _named(self, visit: ConsoleRequest) -> Agent:
        # INVARIANT 9: an agent of another tenant is not found, whatever is asked of it
        for agent in await self._agents.list():
            if (agent.name, agent.tenant) == (visit.named("name"), visit.tenant):
                return agent
        raise AilyusError("not_found", "there is no such agent in your tenant", hint="see the list of agents")

    def _require_admin(self, visit: ConsoleRequest) -> None:
        # a token acts for the agent's person: whoever may hold one is named by the settings
        if not self._is_admin(visit.person):  # guard: tokens are an admin's
            hint = "an admin does it: somebody with a role of `[console] admins`; halting it needs none"
            raise AilyusError("no_authority", "the tokens of agents are not yours to change", hint=hint)

    async def _rows(self, tenant: str, found: list[Agent]) -> list[dict[str, JsonValue]]:
        """Each agent with its use, in one snapshot."""
        journal = self._runner.journal
        since = journal.store.now_ms() - DAYS * 86_400_000

        def look(read: Read) -> tuple[list[Use], dict[str, int | None]]:
            counts = uses.of_agents(read, tenant, since)
            return counts, {agent.name: uses.last_call(read, tenant, agent.name) for agent in found}

        counts, last = await journal.store.read_aside(look)
        # a halt of everything stands in the header of every page
        halted = {h.name for h in journal.controls.halts if h.scope == "agent"}
        return [
            {
                "name": agent.name,
                "owner": agent.owner,
                "person": agent.person,
                "roles": list[JsonValue](sorted(agent.roles)),
                "observe_only": agent.observe_only,
                "revoked": agent.revoked,
                "halted": agent.name in halted,
                "given_ms": self._agents.given_ms(agent.name),
                "last_ms": last[agent.name],
                "calls": {use.status: use.count for use in counts if use.name == agent.name},
            }
            for agent in found
        ]
