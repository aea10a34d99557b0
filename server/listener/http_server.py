"""An application over HTTP: begun on a listening socket, told when to end, and then gone at once but for answers."""

import asyncio
import contextlib
import errno
import select
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Literal, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.browser.socks_proxy import accept_no_more
from contracts.errors import AilyusError

GRACE = 8.0
"""Seconds for the answers that are on their way when a server ends; it ends as soon as all of them are out."""
KEEP_ALIVE = 75
"""Seconds for which a connection may be idle: longer than proxies keep theirs (60 s), so that they close it first."""
_FIRST_REQUEST_SECONDS = 0.5
"""For how long a server that ends waits for the first request of a connection that was just made."""
_HANDSHAKE_SECONDS = 1.0
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
                timeout_keep_alive=KEEP_ALIVE,
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
        # what the system has accepted for us would be reset: nothing may stand between this line and the closes
        waiting = [connection for listening in sockets or () for connection in _accepted(listening)]
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        await asyncio.gather(*(self._connect(connection) for connection in waiting), return_exceptions=True)
        state = self.server_state
        for tick in range(max(1, round(self._grace / _LOOK_SECONDS))):
            self._close_idle(fresh=min(self._grace, _FIRST_REQUEST_SECONDS) > tick * _LOOK_SECONDS)
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

    async def _connect(self, connection: socket.socket) -> None:
        """Serve a connection that was made before the server listened no more."""
        loop, config = asyncio.get_running_loop(), self.config
        protocol = partial(HttpToolsProtocol, config, self.server_state, self.lifespan.state)
        patience = _HANDSHAKE_SECONDS if config.ssl is not None else None
        await loop.connect_accepted_socket(protocol, connection, ssl=config.ssl, ssl_handshake_timeout=patience)

    def _close_idle(self, *, fresh: bool) -> None:
        """Let each connection end with its answer; at once, where no request is on its way.

        `fresh`: whoever has just connected, and has said nothing yet, still has the time to do so.
        """
        for connection in cast("list[HttpToolsProtocol]", list(self.server_state.connections)):
            cycle = connection.cycle
            is_answering = cycle is not None and not cycle.response_complete
            may_ask = (fresh and cycle is None) or _has_more(connection)  # guard: a request on its way
            if is_answering or not may_ask:
                connection.shutdown()


def _accepted(listening: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait at a listening socket, and do so without blocking."""
    listening.setblocking(False)
    with contextlib.suppress(OSError):  # there is none any more
        while True:  # guard: connections that wait
            yield listening.accept()[0]


def _has_more(connection: HttpToolsProtocol) -> bool:
    """Has something arrived that was not read yet?"""
    look = select.poll()
    look.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(look.poll(0))
