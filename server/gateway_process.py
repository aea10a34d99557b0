"""One gateway as a process: its two addresses, the file that tells where they are, and its interpreter."""

import asyncio
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import orjson
from starlette.types import ASGIApp

from server.admin.admin_socket import bind_admin_socket, close_admin_socket
from server.admin.health.check import HealthCheck, HealthResult
from server.admin.health.endpoint import HealthEndpoint
from server.app import VERSION, App
from server.console.api.endpoint import ReceiptApi
from server.listener.certificate import Certificate
from server.listener.front import Front
from server.listener.http_server import serving
from server.listener.listener import open_listener
from server.listener.log_endpoint import LogEndpoint
from server.mcp.admission import Admission
from server.workspace.public_address import public_address

_TURN_SECONDS = 0.0005
"""How long a thread that computes keeps the interpreter while another one waits for it; Python's own is 5 ms."""
ANSWERS_AFTER = 1.0
"""Seconds after which a gateway that ends lets no call wait for its action any more; its server's grace is longer."""


@asynccontextmanager
async def running(app: App, port: int) -> AsyncIterator[str]:
    """Serve the gateway where its settings say, and the local door on a Unix socket; yields the MCP address of links.

    `port` is where it listens, unless it listens at a Unix socket or at one that was handed over.
    """
    part, root = app.workspace.settings.server, app.workspace.root
    async with AsyncExitStack() as left, AsyncExitStack() as opened:
        opened.push_async_callback(app.stop)
        listener = open_listener(part, port, root)
        opened.callback(listener.close)
        address = public_address(app.workspace.settings, listener.bound)
        certificate = Certificate(root / part.certificate, root / part.key) if part.certificate else None
        await app.start()
        pages: ASGIApp = app.monitor.mount(app.console.app(address))
        if app.workspace.settings.log.public:
            pages = LogEndpoint(app.store, pages)
        admission = Admission(part.rate, part.patience / 1000)
        pages = ReceiptApi(app.runner, app.agents, admission, address, VERSION).before(pages)
        endpoint = app.gateway.app(address, pages, part)
        if certificate is not None:
            await opened.enter_async_context(certificate.followed())
            app.health.add(_check_of(certificate))
            served = certificate
            app.monitor.certificate_ends = lambda: served.ends
        await app.health.start()
        door, path = bind_admin_socket(app.workspace.private)
        left.callback(close_admin_socket, path, app.workspace.private)
        # replicas may share a folder, the owner of a file is alone in it
        owner = app.workspace.private / f"owner-{os.getpid()}.json" if app.store.shared else app.workspace.owner_file
        left.callback(owner.unlink, missing_ok=True)
        front = Front(endpoint, HealthEndpoint(app.health), part, lambda: app.health.is_ending)
        tls = certificate.context if certificate is not None else None
        # agents go first, and whoever may halt last
        async with (
            serving(app.api.app(), [door]),
            app.monitor.serving(),
            serving(front, listener.sockets, tls=tls),
        ):
            _announce(owner, listener.local, path)
            try:
                yield address.mcp
            finally:
                # what goes on longer than that is told as far as it is known, while the answer can still be sent
                asyncio.get_running_loop().call_later(ANSWERS_AFTER, app.runner.answer_now)
                await app.console.close()
                app.gateway.close()
                endpoint.close()


def _check_of(certificate: Certificate) -> HealthCheck:
    async def look() -> HealthResult:
        if not certificate.is_valid:
            return HealthResult(False, "the certificate has ended")
        if certificate.fault:
            return HealthResult(True, "the files hold none that can be used: the last good one is served")
        return HealthResult(True, "the one of the files is served")

    return HealthCheck("certificate", look)


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


def settle_interpreter() -> None:
    """For a process that only serves: what is loaded stays for life, garbage is rare, and the event loop goes first.

    While a thread computes, as in the build of a release, the event loop waits for the interpreter as long as
    `_TURN_SECONDS` after each of its own waits, of which a call has about ten.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(_TURN_SECONDS)
