"""Subscriptions to the list of tools: `notifications/tools/list_changed` for clients of either protocol era."""

from collections import OrderedDict

import mcp_types as types
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged

from server.mcp.tasks import Context
from server.mcp.transport import MAX_SESSIONS


class ToolSubscriptions:
    """Who hears that the tools changed: streams of the modern era, live sessions of the handshake era."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self.bus, max_subscriptions=MAX_SESSIONS, max_buffered_events=64)
        self._sessions: OrderedDict[str, ServerSession] = OrderedDict()

    @property
    def count(self) -> int:
        """How many sessions were opened here and are not known to have ended."""
        return len(self._sessions)

    async def opened(self, ctx: Context, params: types.NotificationParams) -> None:
        """`notifications/initialized`: from now on the session may be told."""
        # the SDK tells nobody when a session ends: what is kept is bounded, and the oldest goes first
        session = ctx.request.headers.get("mcp-session-id") if ctx.request is not None else None
        if session is not None:
            self._sessions[session] = ctx.session
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)

    async def tools_changed(self) -> None:
        """Tell every client that listens, in either era, to list the tools anew."""
        await self.bus.publish(ToolsListChanged())
        for name, session in list(self._sessions.items()):
            try:
                await session.send_tool_list_changed()
            except Exception:  # whatever a session that ended raises: it hears nothing more
                self._sessions.pop(name, None)

    def close(self) -> None:
        """End every stream that listens, as the protocol says."""
        self.listen.close()
