"""The metadata of authorization servers: where their endpoints are (RFC 8414; OpenID Connect Discovery 1.0)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx2
import orjson
from authlib.oauth2.rfc8414 import get_well_known_url
from pydantic import JsonValue

from adapters.http.answer import TooLarge
from adapters.oauth.token_answer import TokenFault
from contracts.action.http_request import check_base_url
from contracts.action.oauth_client import OAuthClient
from contracts.errors import AilyusError

FRESH_SECONDS: Final = 600.0
"""How long metadata is believed without being fetched anew."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a server is asked; empty: it has no such endpoint. `says_issuer`: its answers carry `iss` (RFC 9207)."""

    token: str
    authorize: str = ""
    revoke: str = ""
    issuer: str = ""
    keys: str = ""
    says_issuer: bool = False


class ServerMetadata:
    """What issuers say of themselves, fetched when it is too old."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Endpoints, float]] = {}

    async def endpoints(self, client: OAuthClient, http: httpx2.AsyncClient) -> Endpoints | TokenFault:
        """The endpoints of a client's server: those that its settings name, the others by its metadata."""
        own = Endpoints(client.token_url, client.authorize_url, client.revoke_url, client.issuer)
        if not client.issuer:
            return own
        known, at = self._known.get(client.issuer, (None, 0.0))
        if known is None or time.monotonic() - at > FRESH_SECONDS:
            found = await _fetched(client.issuer, http)
            if isinstance(found, Endpoints):
                known = found
            elif known is None or found.kind == "refused":
                return own if own.token and found.kind != "refused" else found
            # a server that does not answer now has not moved: what it said last is tried
            self._known[client.issuer] = known, time.monotonic()
        return Endpoints(
            own.token or known.token,
            own.authorize or known.authorize,
            own.revoke or known.revoke,
            client.issuer,
            known.keys,
            known.says_issuer,
        )


async def _fetched(issuer: str, http: httpx2.AsyncClient) -> Endpoints | TokenFault:
    # as OpenID providers have it, then as the RFC does: both name the issuer, which is compared
    fault = TokenFault("not_sent", "no_metadata")
    for url in (f"{issuer.rstrip('/')}/.well-known/openid-configuration", get_well_known_url(issuer, external=True)):
        try:
            # `auth`: else the client asks for a token of its own, which metadata needs not
            answer = await http.get(url, headers={"accept": "application/json"}, auth=None)
            said = orjson.loads(answer.content) if answer.status_code == 200 else None
        except (httpx2.HTTPError, TooLarge, ValueError):
            continue
        if not isinstance(said, dict):
            continue
        if said.get("issuer") != issuer:  # guard: metadata of another issuer
            fault = TokenFault("refused", "wrong_issuer")
            continue
        return _endpoints(said)
    return fault


def _endpoints(said: Mapping[str, JsonValue]) -> Endpoints | TokenFault:
    names = ("token_endpoint", "authorization_endpoint", "revocation_endpoint", "issuer", "jwks_uri")
    token, authorize, revoke, issuer, keys = (str(said.get(name) or "") for name in names)
    try:
        for url in filter(None, (token, authorize, revoke, keys)):
            check_base_url(url)
    except AilyusError:
        return TokenFault("refused", "unsafe_endpoint")
    if not token:
        return TokenFault("refused", "no_token_endpoint")
    says = said.get("authorization_response_iss_parameter_supported") is True
    return Endpoints(token, authorize, revoke, issuer, keys, says)
