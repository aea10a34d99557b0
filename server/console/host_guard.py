"""The Host allow-list of the console, the headers of every answer, and the base path in front of where it leads."""

from typing import cast
from urllib.parse import quote, urlsplit

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.workspace.hosts import plain_host
from server.workspace.public_address import PublicAddress, host_of

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "cache-control": "no-store",
}


class HostGuard:
    """The Host allow-list, and the headers of every answer."""

    def __init__(self, app: ASGIApp, address: PublicAddress) -> None:
        self._app = app
        self._address = address
        origin = address.console_origin
        self._host = host_of(origin)
        port = urlsplit(origin).port
        # an IP address can be no RP id of a passkey: whoever came by one is sent to the name
        self._alias = plain_host(f"127.0.0.1:{port}") if urlsplit(origin).hostname == "localhost" else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        said = dict(cast(list[tuple[bytes, bytes]], scope["headers"])).get(b"host", b"")
        host = plain_host(said.decode("latin-1"))
        answer: ASGIApp = self._app
        if host != self._host:  # guard: this console's name
            # INVARIANT: a name that somebody else points at this machine (DNS rebinding) gets nothing
            known = host == self._alias and scope["method"] == "GET"
            answer = (
                RedirectResponse(self._address.console + quote(scope["path"]), 307)
                if known
                else Response("this console is not known by that name\n", 421, media_type="text/plain")
            )

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                # what a handler sets stands: the static files may be kept, evidence has a stricter policy of its own
                given = [
                    (name, self._placed(value) if name == b"location" else value) for name, value in message["headers"]
                ]
                present = {name for name, _ in given}
                added = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in present]
                message = {**message, "headers": [*given, *added]}
            await send(message)

        await answer(scope, receive, sending)

    def _placed(self, location: bytes) -> bytes:
        """Where a page of the console is, as a browser finds it: pages know nothing of the base path."""
        return self._address.base_path.encode() + location if location.startswith(b"/") else location
