"""Clients of a token endpoint, and who asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.credentials.cache import Credentials
from adapters.oauth.authorization_servers import AuthorizationServers
from contracts.action.oauth_client import OAuthClient, TokenReference
from contracts.action.target import Target
from tests.slowness import scaled
from tests.token_endpoint import TokenEndpoint


def client_of(endpoint: TokenEndpoint, **more: Any) -> OAuthClient:
    given: dict[str, Any] = {
        "grant": "client_credentials",
        "client_id": "c-1",
        "client_auth": "basic",
        "token_url": f"{endpoint.url}/token",
        "revoke_url": f"{endpoint.url}/revoke",
        "client_secret": "file:secret",
        "timeout_ms": round(scaled(2_000)),
    }
    return OAuthClient(**{**given, **more})


def target_of(client: OAuthClient, name: str = "crm") -> Target:
    place = "https://api.example.com"
    read, write = (TokenReference.of(name, place, "acme", client, client.side(use)).text for use in ("read", "write"))
    return Target(name, name, place, "acme", "prod", read, write, "writer", auth="oauth2", oauth2=client)


@asynccontextmanager
async def asking(folder: Path) -> AsyncIterator[AuthorizationServers]:
    """Who asks, with the client's secret in a file."""
    (folder / "secret").write_text("s3cret")
    credentials = Credentials(folder)
    servers = AuthorizationServers(credentials)
    try:
        yield servers
    finally:
        await servers.close()
        await credentials.close()
