"""The caller of an MCP request: the agent behind its token, and whether it runs as the gateway's own user."""

from contracts.action.request import Caller
from contracts.errors import AilyusError
from server.identity.agents import Agents
from server.mcp.peers import Address, Boundary, Peers
from server.mcp.tasks import Context


class Callers:
    """Finds the caller of a request anew each time: a token may have ended since the session began."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        self._peers = Peers()

    async def of(self, ctx: Context) -> Caller:
        """Who asks. Raises `not_found` where the token is not known any more."""
        user = ctx.request.scope.get("user") if ctx.request is not None else None
        token = user.access_token.token if user is not None else ""
        caller = await self._agents.caller(token, await self._boundary(ctx, token))
        if caller is None:
            raise AilyusError("not_found", "the token is not known any more")
        return caller

    async def _boundary(self, ctx: Context, token: str) -> Boundary:
        """Does the caller run as the gateway's user? The bridge says so; leaving its header out says nothing."""
        if ctx.request is None or ctx.request.headers.get("x-ailyus-boundary") == "same_user":
            return "same_user"
        scope = ctx.request.scope
        # guard: the caller's user
        return await self._peers.of(token, _address(scope.get("client")), _address(scope.get("server")))


def _address(end: object) -> Address | None:
    if isinstance(end, (tuple, list)) and len(end) == 2 and isinstance(end[0], str) and isinstance(end[1], int):
        return end[0], end[1]
    return None
