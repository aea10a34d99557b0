"""The Streamable HTTP transport of the MCP server: its three ways to answer, its hosts, origins and bounds."""

from typing import Any

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.lowlevel.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette

from server.mcp.admission import MAX_BODY
from server.workspace.hosts import plain_host
from server.workspace.settings import ServerPart

MAX_SESSIONS = 1_000
"""Live sessions of the handshake era; a client more is answered without one."""


class Apps:
    """The SDK's application in its three ways to answer."""

    def __init__(self, plain: Starlette, streaming: Starlette, sessions: Starlette | None) -> None:
        self.all = [app for app in (plain, streaming, sessions) if app is not None]
        self.plain = AuthContextMiddleware(plain)
        self.streaming = AuthContextMiddleware(streaming)
        self.sessions = AuthContextMiddleware(sessions) if sessions is not None else None


def _streamable_http(
    server: Server[Any], port: int, settings: ServerPart, *, json_response: bool, stateless: bool
) -> Starlette:
    """The SDK's application for one way to answer."""
    # `host:*` names the host without a port too: a browser leaves the scheme's own port out
    hosts = [*settings.hosts, *(h.removesuffix(":*") for h in settings.hosts if h.endswith(":*"))]
    own = [plain_host(f"{name}:{port}") for name in (settings.host, "localhost")]
    return server.streamable_http_app(
        json_response=json_response,
        stateless_http=stateless,
        max_request_body_size=MAX_BODY,
        max_sessions=MAX_SESSIONS,
        # the SDK protects from DNS rebinding by itself only where it is reached as 127.0.0.1 or localhost
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=[*own, *hosts],
            allowed_origins=[
                *(f"http://{name}" for name in own),
                *(f"{scheme}://{name}" for name in hosts for scheme in ("http", "https")),
            ],
        ),
        host=settings.host,
    )


def apps_of(server: Server[Any], port: int, settings: ServerPart, *, sessions: bool) -> Apps:
    """The three applications; without `sessions` none keeps anything of a client, as replicas must not."""
    return Apps(
        # JSON costs half of what a stream does, which also cancels the handler when its client goes away
        _streamable_http(server, port, settings, json_response=True, stateless=True),
        _streamable_http(server, port, settings, json_response=False, stateless=True),
        _streamable_http(server, port, settings, json_response=False, stateless=False) if sessions else None,
    )
