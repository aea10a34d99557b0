"""An MCP server as a child process, with bounded messages.

The transport is MCP's stdio (2025-11-25, basic/transports#stdio): one JSON-RPC message a line on its pipes.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from adapters.child_process import process
from adapters.mcp.stream_budget import Loss, StreamBudget

if TYPE_CHECKING:  # heavy: loaded with the first upstream server
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams
    from mcp.shared.message import SessionMessage


@asynccontextmanager
async def spawned(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, talk: StreamBudget
) -> "AsyncIterator[TransportStreams]":
    """Run a server and yield the streams of a session with it. Raises `no_server` when there is no such program."""
    from mcp.shared.message import SessionMessage

    async with process(command, environment, folder) as (_, output, pipe):
        to_us, ours = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        theirs, to_them = anyio.create_memory_object_stream[SessionMessage](0)
        tasks = [asyncio.create_task(_hear(output, to_us, talk)), asyncio.create_task(_say(pipe, to_them, talk))]
        try:
            yield ours, theirs
        finally:
            talk.end(Loss.CLOSED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stream in (to_us, ours, theirs, to_them):
                stream.close()


async def _hear(
    output: asyncio.StreamReader, to_us: "MemoryObjectSendStream[SessionMessage | Exception]", talk: StreamBudget
) -> None:
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    from adapters.mcp.listing import well_formed

    async with to_us:
        while True:
            try:
                line = await output.readline()
            except ValueError:  # longer than the limit
                return talk.end(Loss.TOO_LARGE)
            if not line:
                return talk.end(Loss.ENDED)
            if not talk.heard():
                return None
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:  # what it logs to the wrong stream is no message
                continue
            try:
                await to_us.send(well_formed(SessionMessage(message)))
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                return None


async def _say(
    pipe: asyncio.StreamWriter, to_them: "MemoryObjectReceiveStream[SessionMessage]", talk: StreamBudget
) -> None:
    async with to_them:
        async for message in to_them:
            talk.asked()
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            try:
                pipe.write(text.encode() + b"\n")
                await pipe.drain()
            except OSError:
                return talk.end(Loss.DEAF)
