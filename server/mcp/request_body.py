"""The body of a request to the MCP endpoint: read once within its time and its share, then given to the SDK again."""

import asyncio
from contextlib import ExitStack

from starlette.types import Message, Receive

from server.mcp.admission import MAX_BODY, Admission, Rejection


async def read_body(admission: Admission, principal: str, receive: Receive, held: ExitStack) -> list[Message]:
    """The request's messages up to the bound; what is beyond it is refused by the application."""
    messages: list[Message] = []
    size = 0
    try:
        # over the whole body and not over each message: who sends a byte a second would never be late
        async with asyncio.timeout(admission.patience):
            while True:
                message = await receive()
                messages.append(message)
                held.enter_context(admission.holding(principal, len(message.get("body", b""))))
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body") or size > MAX_BODY:
                    return messages
    except TimeoutError:
        raise Rejection(408, f"the body did not come within {admission.patience:g} s") from None


def replayed(messages: list[Message], receive: Receive) -> Receive:
    """ASGI's `receive` that gives these messages first; then it waits for the client to go, as the first one would."""
    left = iter(messages)

    async def replay() -> Message:
        for message in left:
            return message
        return await receive()

    return replay
