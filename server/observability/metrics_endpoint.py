"""The endpoint of metrics: `/metrics` over HTTP, on a port of its own or on the gateway's, for whoever may read it.

On loopback it answers by a loopback name alone, since a page in a browser can point another name at this machine. Off
loopback it answers the proxies that end TLS. With a token it answers whoever brings it.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.credentials.cache import Credentials
from contracts.errors import AilyusError
from server.workspace.settings.observability import MetricsPart

METRICS_PATH: Final = "/metrics"
FRESH_SECONDS: Final = 1.0
"""How long a page is given again: whoever scrapes faster costs nothing more."""
MIN_TOKEN: Final = 16
_LOCAL_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_Page = Callable[[str], tuple[bytes, str]]


@dataclass(frozen=True, slots=True)
class _PageCopy:
    content: bytes
    content_type: str
    at: float


class MetricsToken:
    """The bearer token of whoever scrapes, by reference. Raises `AilyusError` where there is none that is any good."""

    def __init__(self, credentials: Credentials, reference: str) -> None:
        self._credentials = credentials
        self._reference = reference
        _check_length(credentials.read(reference))

    async def is_brought_by(self, authorization: str) -> bool:
        """Does a header bring it? Takes as long for a wrong token as for the right one."""
        scheme, _, token = authorization.partition(" ")
        given = hashlib.sha256(token.strip().encode("utf-8", "replace")).digest()
        try:
            known = _check_length(await self._credentials.value(self._reference))
        except AilyusError:  # INVARIANT: a token that is gone opens nothing
            return False
        kept = hashlib.sha256(known.encode()).digest()
        return hmac.compare_digest(given, kept) and scheme.lower() == "bearer"  # guard: token of a scrape


@dataclass(slots=True)
class _Pages:
    """The newest page of each format, and one rendering at a time."""

    known: dict[str, _PageCopy] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class MetricsEndpoint:
    """The ASGI application of a port of its own, and what stands before the console on the gateway's port."""

    def __init__(self, page: _Page, settings: MetricsPart, token: MetricsToken | None) -> None:
        self._page = page
        self._settings = settings
        self._token = token
        self._pages = _Pages()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3, of a port of its own."""
        if scope["type"] == "http":
            known = scope["path"].rstrip("/") == METRICS_PATH
            answer = await self._answer(scope) if known else _text(404, f"metrics are at {METRICS_PATH}")
            await answer(scope, receive, send)

    def mount(self, app: ASGIApp) -> ASGIApp:
        """The application, and `/metrics` before it where that has no port of its own."""
        if self._settings.port is not None:
            return app

        async def both(scope: Scope, receive: Receive, send: Send) -> None:
            mine = scope["type"] == "http" and scope["path"].rstrip("/") == METRICS_PATH
            await (await self._answer(scope) if mine else app)(scope, receive, send)

        return both

    async def _answer(self, scope: Scope) -> Response:
        headers = {n: v.decode("latin-1") for n, v in cast(list[tuple[bytes, bytes]], scope["headers"])}
        if scope["method"] not in ("GET", "HEAD"):
            return _text(405, "metrics are read by GET", {"allow": "GET, HEAD"})
        if self._settings.port is not None and (refusal := self._refusal(scope, headers.get(b"host", ""))):
            return refusal
        if self._token is not None and not await self._token.is_brought_by(headers.get(b"authorization", "")):
            return _text(401, "metrics need the token of [metrics]", {"www-authenticate": "Bearer"})
        given = await self._given(headers.get(b"accept", ""))
        return Response(given.content, 200, _HEADERS, given.content_type)

    def _refusal(self, scope: Scope, host: str) -> Response | None:
        if self._settings.is_loopback:
            if not _is_local(host):  # guard: name of a scrape
                return _text(421, "metrics are read by a name of this machine alone, such as 127.0.0.1")
            return None
        if not self._is_proxy(scope["client"][0]):  # guard: proxies of a scrape
            return _text(403, "metrics are read through a proxy that ends TLS")
        return None

    def _is_proxy(self, address: str) -> bool:
        peer = ipaddress.ip_address(address)
        # a socket of both families tells a peer of IPv4 by an address of IPv6
        plain = getattr(peer, "ipv4_mapped", None) or peer
        return any(plain in network for network in self._settings.proxies)

    async def _given(self, accept: str) -> _PageCopy:
        async with self._pages.turn:
            known = self._pages.known.get(accept)
            if known is not None and time.monotonic() - known.at < FRESH_SECONDS:
                return known
            content, content_type = await asyncio.to_thread(self._page, accept)
            if len(self._pages.known) >= 8:  # a header is anybody's to write
                self._pages.known.clear()
            given = self._pages.known[accept] = _PageCopy(content, content_type, time.monotonic())
            return given


def _text(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return Response(f"{sentence}\n", status, {**_HEADERS, **(headers or {})}, "text/plain")


def _check_length(token: str | None) -> str:
    if token is None or len(token) < MIN_TOKEN:
        hint = f"give it {MIN_TOKEN} characters or more: `openssl rand -hex 32`"
        raise AilyusError("bad_settings", "the token under [metrics] is too short", hint=hint)
    return token


def _is_local(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in _LOCAL_NAMES
    except ValueError:
        return False
