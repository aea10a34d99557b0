"""The front of a gateway: what is told of a request before anybody is asked who calls.

It answers how the gateway is, takes the base path away, refuses plain HTTP from where no proxy of ours is, and takes
the word of the proxies that the settings name, and of nobody else. Once the gateway is about to end, each answer is the
last one on its connection, so that clients and proxies make their next one to another replica.
"""

from collections.abc import Callable
from typing import Final, cast

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.listener.proxies import Proxies, address_of
from server.listener.proxy_headers import Headers, Hop, HopFault, told
from server.workspace.settings.server import ServerPart

HEALTH_PATHS: Final = frozenset(("/livez", "/readyz"))
_PLAIN: Final = "plain HTTP is taken from this gateway's own proxies alone: ask by HTTPS\n"


class Front:
    """Stands before the gateway's application, and before the health of it, which needs no name and no token."""

    def __init__(
        self, app: ASGIApp, health: ASGIApp, part: ServerPart, is_ending: Callable[[], bool] = lambda: False
    ) -> None:
        self._app = app
        self._health = health
        self._is_ending = is_ending
        self._base_path = part.base_path
        self._forwarded = Proxies(part.forwarded)
        self._terminators = Proxies(part.tls_terminated_by) if part.tls_terminated_by else None
        self._believes = bool(part.forwarded)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = self._last_when_ending(send)
        scope = self._without_base_path(scope)
        if scope["path"] in HEALTH_PATHS:  # a load balancer asks by an address, and without a proxy in between
            await self._health(scope, receive, send)
            return
        client = cast("tuple[str, int] | None", scope.get("client"))
        if self._terminators is not None:
            ended = self._terminators.has(client)
            if not ended and not _is_local(client, scope):  # guard: plain HTTP from a proxy alone
                await _refused(_PLAIN, 403)(scope, receive, send)
                return
            scope = {**scope, "scheme": "https"} if ended else scope
        if self._believes and self._forwarded.has(client):  # guard: whose word about a client is taken
            try:
                hop = told(cast(Headers, scope["headers"]), self._forwarded)
            except HopFault as fault:
                await _refused(f"{fault}\n", 400)(scope, receive, send)
                return
            scope = _as_told(scope, hop)
            if self._terminators is not None and hop.scheme == "http":  # guard: plain HTTP before the proxy
                await _refused(_PLAIN, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _last_when_ending(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            # guard: a connection to a gateway that ends
            if message["type"] == "http.response.start" and self._is_ending():
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        return sent

    def _without_base_path(self, scope: Scope) -> Scope:
        base = self._base_path
        # a proxy passes the prefix on or takes it away; no path of ours begins like it
        if not base or not (scope["path"] == base or scope["path"].startswith(f"{base}/")):
            return scope
        raw = cast(bytes, scope.get("raw_path") or b"")
        raw = raw.removeprefix(base.encode()) or b"/"
        return {**scope, "path": scope["path"].removeprefix(base) or "/", "raw_path": raw}


def _as_told(scope: Scope, hop: Hop) -> Scope:
    """The request as the client sent it to the first of our proxies."""
    changed = dict(scope)
    if hop.client:
        changed["client"] = (hop.client, hop.port) if address_of(hop.client) is not None else None
    if hop.scheme:
        changed["scheme"] = hop.scheme
    if hop.host:
        headers = cast(Headers, scope["headers"])
        changed["headers"] = [*(h for h in headers if h[0] != b"host"), (b"host", hop.host.encode("latin-1"))]
    return changed


def _is_local(client: tuple[str, int] | None, scope: Scope) -> bool:
    """Does the request come from this machine, so that it crossed no network?"""
    if client is None:
        return True
    address, server = address_of(client[0]), scope.get("server")
    return address is not None and (address.is_loopback or (server is not None and client[0] == server[0]))


def _refused(sentence: str, status: int) -> Response:
    return Response(sentence, status, {"connection": "close"}, media_type="text/plain")
