"""An MCP server's list of tools, looked at tool by tool as it arrives: one that is malformed hides no other.

The SDK validates a page as a whole, and refuses all of its tools for one. What is left out here is logged.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import structlog
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCResponse, Tool
from pydantic import ValidationError

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

log = structlog.get_logger()
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")
"""What may stand in the log: a name as the protocol wants it, and nothing else that a server wrote."""


def well_formed(message: SessionMessage) -> SessionMessage:
    """Return a message whose list of tools (MCP 2025-11-25, server/tools#listing-tools) holds well-formed ones only."""
    answer = message.message
    if not isinstance(answer, JSONRPCResponse) or not isinstance(answer.result.get("tools"), list):
        return message
    tools = [tool for tool in answer.result["tools"] if _is_tool(tool)]
    if len(tools) == len(answer.result["tools"]):
        return message
    kept = answer.model_copy(update={"result": {**answer.result, "tools": tools}})
    return SessionMessage(kept, message.metadata)


@asynccontextmanager
async def sifted(streams: "TransportStreams") -> "AsyncIterator[TransportStreams]":
    """The streams of a session whose incoming messages are `well_formed`."""
    read, write = streams
    to_us, ours = anyio.create_memory_object_stream[SessionMessage | Exception](0)

    async def pass_on() -> None:
        async with to_us:
            async for message in read:
                await to_us.send(well_formed(message) if isinstance(message, SessionMessage) else message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pass_on)
        try:
            yield ours, write
        finally:
            tasks.cancel_scope.cancel()
            ours.close()


def _is_tool(raw: object) -> bool:
    try:
        Tool.model_validate(raw, by_name=False)
    except ValidationError:
        name = raw.get("name") if isinstance(raw, dict) else None
        known = name if isinstance(name, str) and _NAME.fullmatch(name) else "without a proper name"
        log.warning("tool_malformed", listed=known, hint="the server's other tools can be called")
        return False
    return True
