"""The response within a session: it carries our id of the session where the SDK gives its own."""

import secrets

from starlette.types import Message, Send

from contracts.action.request import Caller
from server.mcp.session_ids import HEADER, McpSession, SessionIds


class SessionResponse:
    """Gives the client its id where the SDK gives its own, and keeps back that a session is not live here."""

    def __init__(self, ids: SessionIds, session: McpSession, caller: Caller, send: Send, *, fresh: bool) -> None:
        self._ids = ids
        self._session = session
        self._caller = caller
        self._send = send
        self._fresh = fresh
        self.is_gone = False

    async def send(self, message: Message) -> None:
        """ASGI's `send` of the application with the sessions."""
        if message["type"] == "http.response.start":
            if message["status"] in (404, 503) and (not self._fresh or message["status"] == 503):
                self.is_gone = True  # not known here, or no room for one more: answered without
            inner = dict(message["headers"]).get(HEADER)
            if inner is not None:
                message = {**message, "headers": self._headers(message, inner.decode("latin-1"))}
        if not self.is_gone:
            await self._send(message)

    async def send_anyhow(self, message: Message) -> None:
        """ASGI's `send` of the application without sessions: a client that opens one still gets an id."""
        if message["type"] == "http.response.start" and self._fresh and message["status"] == 200:
            message = {**message, "headers": self._headers(message, secrets.token_hex(16))}
        await self._send(message)

    def _headers(self, message: Message, inner: str) -> list[tuple[bytes, bytes]]:
        own = self._ids.given(McpSession(inner, self._session.opens_links), self._caller).encode()
        return [*(h for h in message["headers"] if h[0] != HEADER), (HEADER, own)]
