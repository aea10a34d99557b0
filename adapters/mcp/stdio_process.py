"""An MCP server as a process of ours: an empty environment but for what is listed, bounded messages, ended as a group.

The transport is MCP's stdio (2025-11-25, basic/transports#stdio): one JSON-RPC message a line on its pipes.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from contracts.errors import AilyusError

if TYPE_CHECKING:  # heavy: loaded with the first upstream server
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams
    from mcp.shared.message import SessionMessage

MAX_MESSAGE = 4 * 1024 * 1024
"""Bytes of one message; a server that sends more is ended."""
MAX_UNASKED = 1_000
"""Messages that a server may send after the last one of ours."""
_GRACE_SECONDS = 1.0
"""A server that does not end by itself in this time, when its input is closed, is ended by a signal."""


class Loss(StrEnum):
    """Why no answer came from an MCP server, as a sentence of ours: it holds no word of the server."""

    ENDED = "the server ended"
    CLOSED = "the session was closed"
    SILENT = "the server does not answer"
    UNREACHABLE = "the server cannot be reached"
    REFUSED = "the server refused the credential"
    FORGOTTEN = "the server no longer knows the session"
    DEAF = "the server reads no more"
    FLOODS = "the server floods"
    TOO_LARGE = "the server sent more than 4 MiB at once"
    ERROR = "the server answered with an error"
    UNDECLARED = "the server's answer is not what its tool declares"


class Talk:
    """Counts what a server says: one that floods is cut. `over` is set when nothing more can come."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.reason = Loss.ENDED
        self._unasked = 0

    def asked(self) -> None:
        """We said something."""
        self._unasked = 0

    def heard(self) -> bool:
        """The server said something; False when that was too much."""
        self._unasked += 1
        if self._unasked > MAX_UNASKED:  # guard: floods
            self.end(Loss.FLOODS)
        return not self.over.is_set()

    def end(self, reason: Loss) -> None:
        """Nothing more comes."""
        if not self.over.is_set():
            self.reason = reason
            self.over.set()


@asynccontextmanager
async def process(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> AsyncIterator[tuple[Process, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Run a program with its pipes, and end it with all its children. Raises `no_server` when there is no such one."""
    program = shutil.which(command[0], path=environment.get("PATH", os.defpath))
    if program is None:
        hint = "give its whole path, or list `PATH` among the connection's variables"
        raise AilyusError("no_server", f"there is no program `{command[0]}`", hint=hint)
    try:
        transport, protocol = await asyncio.get_running_loop().subprocess_exec(
            lambda: SubprocessStreamProtocol(MAX_MESSAGE, asyncio.get_running_loop()),
            program,
            *command[1:],
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environment),  # guard: an empty environment
            cwd=folder,
            start_new_session=True,
        )
    except OSError:
        raise AilyusError("no_server", f"`{command[0]}` cannot be run", hint="is it a program?") from None
    running = Process(transport, protocol, asyncio.get_running_loop())
    if running.stdin is None or running.stdout is None:
        raise AilyusError("internal", "a process without pipes")
    try:
        yield running, running.stdout, running.stdin
    finally:
        running.stdin.close()
        await asyncio.shield(_ended(running))
        transport.close()  # what it wrote and nobody read would keep the pipe open


@asynccontextmanager
async def spawned(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, talk: Talk
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
    output: asyncio.StreamReader, to_us: "MemoryObjectSendStream[SessionMessage | Exception]", talk: Talk
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


async def _say(pipe: asyncio.StreamWriter, to_them: "MemoryObjectReceiveStream[SessionMessage]", talk: Talk) -> None:
    async with to_them:
        async for message in to_them:
            talk.asked()
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            try:
                pipe.write(text.encode() + b"\n")
                await pipe.drain()
            except OSError:
                return talk.end(Loss.DEAF)


async def _ended(process: Process) -> None:
    """Its input is closed; wait a little, then end the whole group: launchers have children."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(int(_GRACE_SECONDS * 100)):
            if process.returncode is not None and not _alive(process.pid):
                break
            await asyncio.sleep(0.01)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, ending)  # it leads its own session: no other process is in this group
    await process.wait()


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
