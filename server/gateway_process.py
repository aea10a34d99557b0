"""One gateway as a process: its two addresses, the file that tells where they are, and its garbage collector."""

import gc
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from server.admin.admin_socket import bind_admin_socket, close_admin_socket
from server.app import App
from server.http_server import listen, serving


@asynccontextmanager
async def running(app: App, port: int) -> AsyncIterator[str]:
    """Serve the gateway on 127.0.0.1 and the local door on a Unix socket; yields the MCP address."""
    host = app.workspace.settings.server.host
    listener = listen(host, port)
    port = listener.getsockname()[1]
    try:
        await app.start()
        door, path = bind_admin_socket(app.workspace.private)
    except BaseException:
        listener.close()
        await app.stop()
        raise
    front = app.gateway.app(port, app.console.app(port), app.workspace.settings.server)
    url = f"http://{host}:{port}/mcp"
    # replicas may share a folder, the owner of a file is alone in it
    owner = app.workspace.private / f"owner-{os.getpid()}.json" if app.store.shared else app.workspace.owner_file
    try:
        async with serving(app.api.app(), door), serving(front, listener):  # agents go first, and whoever may halt last
            _announce(owner, url, path)
            try:
                yield url
            finally:
                await app.console.close()
                app.gateway.close()
                front.close()
    finally:
        await app.stop()
        owner.unlink(missing_ok=True)
        close_admin_socket(path, app.workspace.private)


def _announce(file_: Path, url: str, door: Path) -> None:
    content = orjson.dumps({"pid": os.getpid(), "url": url, "door": str(door)})
    temporary = file_.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    os.replace(temporary, file_)


def answers_on(port: int) -> bool:
    """Does something listen on this port of 127.0.0.1?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def settle_collector() -> None:
    """For a process that only serves: what is loaded stays for life, and garbage in cycles is rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
