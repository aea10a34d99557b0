"""A child process: an empty environment but for what is listed, its pipes, and its end with all its own children."""

import asyncio
import contextlib
import os
import shutil
import signal
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from contracts.errors import AilyusError

MAX_MESSAGE = 4 * 1024 * 1024
"""Bytes of one message; a server that sends more is ended."""
_GRACE_SECONDS = 1.0
"""A server that does not end by itself in this time, when its input is closed, is ended by a signal."""


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
