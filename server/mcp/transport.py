"""The Streamable HTTP transport of the MCP server: its three ways to answer, its hosts, origins and bounds."""

from typing import Any

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.lowlevel.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette

from server.mcp.admission import MAX_BODY
from server.workspace.public_address import PublicAddress

MAX_SESSIONS = 1_000
"""Live sessions of the handshake era; a client more is answered without one."""


class Apps:
    """The SDK's application in its three ways to answer, and the hosts that clients may ask for."""

    def __init__(
        self, plain: Starlette, streaming: Starlette, sessions: Starlette | None, names: tuple[str, ...]
    ) -> None:
        self.names = names
        self.all = [app for app in (plain, streaming, sessions) if app is not None]
        self.plain = AuthContextMiddleware(plain)
        self.streaming = AuthContextMiddleware(streaming)
        self.sessions = AuthContextMiddleware(sessions) if sessions is not None else None


def _streamable_http(server: Server[Any], address: PublicAddress, *, json_response: bool, stateless: bool) -> Starlette:
    """The SDK's application for one way to answer."""
    return server.streamable_http_app(
        json_response=json_response,
        stateless_http=stateless,
        max_request_body_size=MAX_BODY,
        max_sessions=MAX_SESSIONS,
        # the SDK protects from DNS rebinding by itself only where it is reached as 127.0.0.1 or localhost
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=list(address.names),
            allowed_origins=list(address.origins),
        ),
    )


def apps_of(server: Server[Any], address: PublicAddress, *, sessions: bool) -> Apps:
    """The three applications; without `sessions` none keeps anything of a client, as replicas must not."""
    return Apps(
        # JSON costs half of what a stream does, which also cancels the handler when its client goes away
        _streamable_http(server, address, json_response=True, stateless=True),
        _streamable_http(server, address, json_response=False, stateless=True),
        _streamable_http(server, address, json_response=False, stateless=False) if sessions else None,
        address.names,
    )
