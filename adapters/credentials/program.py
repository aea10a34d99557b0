"""Secrets that a program prints: `exec:NAME`, one program for each name, run without a shell and with a time limit."""

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.credentials.source import MAX_BYTES, SourceFault

_ALWAYS: Final = ("PATH", "HOME", "LANG")


@dataclass(frozen=True, slots=True)
class SecretProgram:
    """A program with its arguments, its time limit in seconds, and the variables that it gets beside `_ALWAYS`."""

    command: tuple[str, ...]
    seconds: float = 10.0
    environment: tuple[str, ...] = ()


class ProgramSource:
    """The programs of a workspace, by name. Each runs in the workspace, in a session and process group of its own."""

    def __init__(self, root: Path, programs: Mapping[str, SecretProgram]) -> None:
        self._root = root
        self._programs = programs

    def read(self, name: str) -> bytes | SourceFault:
        """What the program prints, without its last newline. Nothing else that it says is kept or told."""
        program = self._programs.get(name)
        if program is None:
            return SourceFault(f"there is no [credentials.exec.{name}]", "declare the program in ailyus.toml", True)
        variables = {one: os.environ[one] for one in (*_ALWAYS, *program.environment) if one in os.environ}
        named = program.command[0]
        named = str(self._root / named) if "/" in named else named
        found = shutil.which(named, path=variables.get("PATH", os.defpath))
        if found is None:
            return _fault(program, "is not there", "give its whole path")
        try:
            running = subprocess.Popen(  # noqa: S603  # an argument list of the settings, and no shell
                (found, *program.command[1:]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=variables,  # guard: variables of a secret's program
                cwd=self._root,
                start_new_session=True,
            )
        except OSError:
            return _fault(program, "cannot be run", "is it a program?")
        return _printed(program, running)


def _printed(program: SecretProgram, running: subprocess.Popen[bytes]) -> bytes | SourceFault:
    until = time.monotonic() + program.seconds
    with running:
        output = _output(running, until)
        is_over = output is not None and (len(output) > MAX_BYTES or _has_ended(running, until))
        _end(running)
        code = running.wait()
    if output is None or not is_over:
        return _fault(program, f"did not end in {program.seconds:g} s", "see `timeout` of its table")
    if len(output) > MAX_BYTES:
        return _fault(program, "prints too much", "it must print the secret and nothing else")
    if code:
        return _fault(program, f"ended with exit code {code}", "run it by hand as the gateway's user")
    return output.removesuffix(b"\n").removesuffix(b"\r") or _fault(program, "prints nothing", "run it by hand")


def _output(running: subprocess.Popen[bytes], until: float) -> bytes | None:
    """What it prints, as far as it may; None where it was not done in time."""
    pipe, read = running.stdout, b""
    if pipe is None:
        return None
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        while len(read) <= MAX_BYTES:
            if not ready.select(max(0.0, until - time.monotonic())):
                return None
            chunk = os.read(pipe.fileno(), MAX_BYTES)
            if not chunk:
                break
            read += chunk
    return read


def _has_ended(running: subprocess.Popen[bytes], until: float) -> bool:
    """Did it end in time? It is not reaped yet, so that its number is no other process's."""
    while os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


def _end(running: subprocess.Popen[bytes]) -> None:
    # INVARIANT: nothing that it started outlives it; it leads its own session, so no other process is in this group
    try:
        os.killpg(running.pid, signal.SIGKILL)  # guard: children of a secret's program
    except (ProcessLookupError, PermissionError):
        running.kill()


def _fault(program: SecretProgram, what: str, hint: str) -> SourceFault:
    return SourceFault(f"the program `{Path(program.command[0]).name}` {what}", hint)
