"""The key of a signer that is a program: it runs for as long as it answers, and is asked through its pipes.

One JSON object a line, closed: `{"sign":"<base64>"}` to its input, `{"signature":"<base64 of 64 bytes>"}` from its
output (RFC 8032, RFC 4648). Anything else, no answer in time, or its end is a fault; then it is ended with all that it
started, and the next signature starts it anew. What it says on its error output is not read.
"""

import binascii
import os
import selectors
import shutil
import signal
import subprocess
import time
import weakref
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.errors import AilyusError
from receipts.log.signing_key import RemoteKey, SignerFault

_ALWAYS: Final = ("PATH", "HOME", "LANG")
_ANSWER: Final = 4096
"""Bytes of one answer at most; a signature takes about a hundred."""


@dataclass(frozen=True, slots=True)
class SignerProgram:
    """A program with its arguments, the seconds that one answer may take, and its variables beside `_ALWAYS`."""

    command: tuple[str, ...]
    root: Path
    seconds: float = 5.0
    environment: tuple[str, ...] = ()


class ProgramKey(RemoteKey):
    """A key that a program signs with. `opening` gives the line that it is told first, such as the PIN of a token."""

    def __init__(
        self, name: str, public: Ed25519PublicKey, program: SignerProgram, opening: Callable[[], bytes] = bytes
    ) -> None:
        super().__init__(name, public)
        self._program = program
        self._opening = opening
        self._running: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], object] | None = None

    def close(self) -> None:
        """End the program with all that it started."""
        self._running, end, self._end = None, self._end, None
        if end is not None:
            end()

    def _ask(self, data: bytes) -> bytes | SignerFault:
        until = time.monotonic() + self._program.seconds
        line = orjson.dumps({"sign": b64encode(data).decode()}) + b"\n"
        if self._running is None or self._running.poll() is not None:
            self.close()
            started = self._started()
            if isinstance(started, SignerFault):
                return started
            try:
                line = self._opening() + line
            except AilyusError as error:  # its source may be there again the next time
                return SignerFault(f"is not told what opens it: {error.sentence}")
        answer = _answered(self._running, line, until) if self._running is not None else None
        if answer is None:
            return SignerFault(f"gave no answer in {self._program.seconds:g} s, or ended")
        return _signature(answer)

    def _started(self) -> SignerFault | None:
        program = self._program
        variables = {one: os.environ[one] for one in (*_ALWAYS, *program.environment) if one in os.environ}
        named = program.command[0]
        named = str(program.root / named) if "/" in named else named
        found = shutil.which(named, path=variables.get("PATH", os.defpath))
        if found is None:
            return SignerFault("is a program that is not there")
        try:
            running = subprocess.Popen(  # noqa: S603  # an argument list of the settings, and no shell
                (found, *program.command[1:]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=variables,  # guard: variables of a signer
                cwd=program.root,
                start_new_session=True,
                bufsize=0,
            )
        except OSError:
            return SignerFault("is a program that cannot be run")
        for pipe in (running.stdin, running.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        # a key that nobody holds any more leaves no program behind
        self._running, self._end = running, weakref.finalize(self, _ended, running)
        return None


def _answered(running: subprocess.Popen[bytes], line: bytes, until: float) -> bytes | None:
    """The line that it answers; None where it does not in time, or has ended."""
    if running.stdin is None or running.stdout is None:
        return None
    given, taken, read = running.stdin.fileno(), running.stdout.fileno(), b""
    with selectors.DefaultSelector() as ready:
        ready.register(taken, selectors.EVENT_READ)
        ready.register(given, selectors.EVENT_WRITE)
        while not read.endswith(b"\n") and len(read) <= _ANSWER:
            events = ready.select(max(0.0, until - time.monotonic()))
            if not events:
                return None
            for key, _ in events:
                try:
                    if key.fd == taken:
                        chunk = os.read(taken, _ANSWER)
                        read += chunk
                        if not chunk:
                            return None
                    else:
                        line = line[os.write(given, line) :]
                        if not line:
                            ready.unregister(given)
                except OSError:
                    return None
    return None if line else read


def _signature(answer: bytes) -> bytes | SignerFault:
    fault = SignerFault("gave an answer of another form than its protocol")
    try:
        said = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return fault
    if not isinstance(said, dict) or set(said) != {"signature"} or not isinstance(said["signature"], str):
        return fault
    try:
        return b64decode(said["signature"], validate=True)
    except binascii.Error:
        return fault


def _ended(running: subprocess.Popen[bytes]) -> None:
    for pipe in (running.stdin, running.stdout):
        if pipe is not None:
            pipe.close()
    # INVARIANT: nothing that it started outlives it; it leads its own session, so no other process is in this group
    try:
        os.killpg(running.pid, signal.SIGKILL)  # guard: children of a signer
    except (ProcessLookupError, PermissionError):
        running.kill()
    running.wait()
