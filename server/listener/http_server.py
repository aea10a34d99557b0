"""An application over HTTP: begun on a listening socket, told when to end, and then gone at once but for answers."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from adapters.browser.socks_proxy import accept_no_more
from contracts.errors import AilyusError

GRACE = 2.0
"""Seconds for the answers that are on their way when a server ends."""
_DATE_SECONDS = 1.0
_LOOK_SECONDS = 0.002


@asynccontextmanager
async def serving(
    app: ASGIApp,
    listeners: Sequence[socket.socket],
    lifespan: Literal["on", "off"] = "on",
    grace: float = GRACE,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """Serve at these sockets while the context lasts, and no connection outlives it."""
    server = _Server(app, lifespan, grace, tls)
    task = asyncio.create_task(server.serve(list(listeners)))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise AilyusError("internal", "the application did not start", hint="the log says why")
            await asyncio.sleep(_LOOK_SECONDS)
        yield
    finally:
        server.end()
        await task


def listen(host: str, port: int) -> socket.socket:
    """A listening socket at an address of this machine; raises `AilyusError` when there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # `::` is every address, those of IPv4 too
        listener = socket.create_server((host, port), family=family, backlog=512, dualstack_ipv6=host == "::")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            hint = "end what uses it, or set `port` under [server] in ailyus.toml"
            raise AilyusError("bad_settings", f"the port {port} is in use", hint=hint) from None
        hint = "name an address of this machine as `host` under [server], and a port that this user may take"
        why = (error.strerror or "no reason given").lower()
        raise AilyusError(
            "bad_settings", f"there can be no socket at `{host}`, port {port}: {why}", hint=hint
        ) from None
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Server(uvicorn.Server):
    """uvicorn without signals of its own, which looks ten times a second whether it should end, and then waits on."""

    def __init__(
        self, app: ASGIApp, lifespan: Literal["on", "off"], grace: float, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                http="httptools",
                ws="none",
                lifespan=lifespan,
                proxy_headers=False,  # whom we believe, and what, is decided by `server/listener/`
                server_header=False,
                ssl_context_factory=None if tls is None else lambda config, default: tls,
            )
        )
        self._grace = grace
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Begin to end."""
        self.should_exit = True
        self._ending.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None are captured here: the command line has them."""
        yield

    async def main_loop(self) -> None:
        """Each tick writes the date that answers carry."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _DATE_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """No new connection, an end for idle ones, the grace for the others, and then an end for them too."""
        await accept_no_more(self.servers)
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        for _ in range(round(self._grace / _LOOK_SECONDS)):
            if not state.connections and not state.tasks:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        for connection in list(state.connections):
            if connection.transport is not None:  # whoever answers there is told that nobody reads it any more
                connection.transport.abort()
        await asyncio.sleep(0)
        for task in state.tasks:
            task.cancel()
        await self.lifespan.shutdown()
