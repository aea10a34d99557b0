"""The local twins as a process of their own, which ends when the one that started it does."""

import subprocess
import sys
import time
from pathlib import Path

from contracts.errors import AilyusError

_SANDBOX_TRIES = 5


def start_sandbox(port: int, state: Path | None) -> "subprocess.Popen[str]":
    """Start the local twins as a process that ends when this one does."""
    command = [sys.executable, "-P", "-c", "from server.cli.main import main; main()", "sandbox", "--port", str(port)]
    command += ["--state", str(state)] if state else []
    for _ in range(_SANDBOX_TRIES):  # the sandbox of a gateway that was killed may still be on its way out
        process = subprocess.Popen(  # noqa: S603 - ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = process.stdout.readline() if process.stdout else ""
        if line.startswith("sandbox "):
            return process
        process.kill()
        process.wait()
        time.sleep(0.3)
    raise AilyusError("bad_settings", f"the sandbox does not start on port {port}", hint="end what uses the port")
