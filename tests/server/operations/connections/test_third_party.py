"""A third party's authorization server takes what the client sends, in each way in which it proves itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.credentials.cache import Credentials
from adapters.oauth.authorization_servers import AuthorizationServers
from adapters.oauth.token_answer import TokenAnswer, TokenFault
from contracts.action.oauth_client import OAuthClient
from tests.authorization_server import CLIENT, SECRET, AuthorizationServer, authorization_server
from tests.slowness import scaled

KEY = ec.generate_private_key(ec.SECP256R1())
JWK = {**jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "one", "alg": "ES256", "use": "sig"}
BY_SECRET: dict[str, Any] = {"grant": "client_credentials", "client_secret": "file:secret"}
BY_KEY: dict[str, Any] = {"client_id": "service", "key": "file:key", "key_id": "one"}


@pytest.fixture(scope="module")
def server() -> Iterator[AuthorizationServer]:
    with authorization_server((), {"service": JWK}) as running:
        yield running


@pytest.mark.parametrize(
    "way",
    [
        {**BY_SECRET, "client_id": CLIENT, "client_auth": "basic"},
        {**BY_SECRET, "client_id": f"{CLIENT}-post", "client_auth": "post"},
        {**BY_KEY, "grant": "client_credentials", "client_auth": "private_key_jwt"},
        {**BY_KEY, "grant": "jwt_bearer", "client_auth": "none", "subject": "maria@example.com"},
    ],
    ids=["basic", "post", "private_key_jwt", "jwt_bearer"],
)
async def test_a_token_that_its_api_takes(tmp_path: Path, server: AuthorizationServer, way: dict[str, Any]) -> None:
    pem, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key").write_bytes(KEY.private_bytes(serialization.Encoding.PEM, pem, none))
    (tmp_path / "secret").write_text(SECRET)
    credentials = Credentials(tmp_path)
    servers = AuthorizationServers(credentials)
    scopes = {"read_scopes": ("records:read",), "write_scopes": ("records:read",)}
    client = OAuthClient(issuer=server.url, timeout_ms=round(scaled(5_000)), **scopes, **way)
    found = await servers.fetch(client, "both")
    assert isinstance(found, TokenAnswer), found
    assert found.scopes in ({"records:read"}, None)
    me = server.api(found.access_token)
    assert me.status_code == 200
    assert me.json()["id"] == (way.get("subject") or way["client_id"])
    (tmp_path / "secret").write_text("another")
    (tmp_path / "key").write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, pem, none)
    )
    stranger = AuthorizationServers(other := Credentials(tmp_path))
    refused = await stranger.fetch(client, "both")
    assert refused in (TokenFault("refused", "invalid_client"), TokenFault("gone", "invalid_grant"))
    for one in (servers, stranger, credentials, other):
        await one.close()
