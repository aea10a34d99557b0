"""The sandbox as a process: one server on 127.0.0.1, until it is ended."""

import os
import sys
import threading
from pathlib import Path

from adapters.sandbox.app import Sandbox


def _end_with_parent() -> None:
    """Exit when whoever started this process is gone: its end of our standard input closes."""
    sys.stdin.buffer.read()
    os._exit(0)


def serve(port: int, state_file: Path | None, watch_stdin: bool) -> None:
    """Run the sandbox on 127.0.0.1 until it is ended; port 0 picks a free one and prints it."""
    import socket

    import uvicorn

    listener = socket.create_server(("127.0.0.1", port))
    print(f"sandbox http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    if watch_stdin:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    config = uvicorn.Config(Sandbox(state_file), log_level="critical", access_log=False, lifespan="on")
    uvicorn.Server(config).run(sockets=[listener])
