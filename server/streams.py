"""One address for agents and people; agents are answered in JSON, or in a stream if they ask for progress.

A single JSON answer costs half of what a stream costs, and has no place for progress notifications.
"""

from contextlib import AsyncExitStack

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MCP_PATH = "/mcp"
"""Where agents call; every other path is the console's."""
_MARK = b'"progressToken"'


class Front:
    """Sends each request to the application that answers it the way it asks for."""

    def __init__(self, plain: Starlette, streaming: Starlette, max_body: int, console: ASGIApp) -> None:
        self._plain = plain
        self._console = console
        self._streaming = streaming
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"].rstrip("/") != MCP_PATH:
            await self._console(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "POST":
            messages = await self._body(receive)
            body = b"".join(m.get("body", b"") for m in messages)
            app = self._streaming if _MARK in body else self._plain
            await app(scope, _again(messages, receive), send)
        else:
            await self._plain(scope, receive, send)

    async def _body(self, receive: Receive) -> list[Message]:
        """The request's messages up to the bound; what is beyond it is refused by the application."""
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body") or size > self._max_body:
                return messages

    async def _live(self, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            for app in (self._plain, self._streaming):
                await stack.enter_async_context(app.router.lifespan_context(app))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def _again(messages: list[Message], receive: Receive) -> Receive:
    left = iter(messages)

    async def replay() -> Message:
        for message in left:
            return message
        return await receive()

    return replay
