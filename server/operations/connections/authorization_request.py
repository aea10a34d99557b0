"""An authorization request (RFC 6749, section 4.1.1): what a person asks an authorization server for, and its `state`.

Nothing is kept of a request. Its `state` holds it, encrypted with AES-256-GCM under a key that all replicas have; the
session of the browser that asked is bound to it, so that another session's browser cannot bring its answer. The PKCE
verifier (RFC 7636) and the nonce (OpenID Connect Core 1.0) are derived from its id, and never leave in the `state`.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.action.oauth_client import OAuthClient, Side
from contracts.errors import AilyusError
from policies.passkey import decode, encode

VALID_MS: Final = 600_000
"""How long somebody may take at the authorization server's pages."""
_NONCE_BYTES: Final = 12
_MAX_STATE: Final = 2_000


class AuthorizationRequest(BaseModel):
    """One request: whose tokens of which connection are asked for, by whom, and until when its answer is taken.

    `reference` is that of the tokens (`TokenReference`), so that the answer to a connection that became another one is
    refused. `holder` is the person who will use them, empty where everybody does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    connection: str
    reference: str
    side: Side
    holder: str
    by: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class RequestKeys:
    """What seals requests and derives their secrets: `key` is the deployment's, `session` the secret of a browser."""

    key: bytes
    session: str

    def seal(self, request: AuthorizationRequest) -> str:
        """The `state` of a request."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._derived("state")).encrypt(nonce, request.model_dump_json().encode(), self._bound())
        return encode(nonce + sealed)

    def open(self, state: str, now_ms: int) -> AuthorizationRequest | None:
        """The request behind a `state` that we gave to this very session, while it is in its time; else None."""
        if len(state) > _MAX_STATE:
            return None
        try:
            sealed = decode(state)
            # INVARIANT: nobody connects an account by an answer that their own session did not ask for
            content = AESGCM(self._derived("state")).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound()
            )
            request = AuthorizationRequest.model_validate_json(content)
        except (AilyusError, ValueError, InvalidTag, ValidationError):
            return None
        return request if request.until_ms > now_ms else None  # guard: the time of an authorization request

    def verifier(self, request: AuthorizationRequest) -> str:
        """The PKCE verifier, 43 characters."""
        return encode(self._derived(f"verifier {request.id}"))

    def challenge(self, request: AuthorizationRequest) -> str:
        """The PKCE challenge of it (S256)."""
        return encode(hashlib.sha256(self.verifier(request).encode()).digest())

    def nonce(self, request: AuthorizationRequest) -> str:
        """What the identity token must repeat."""
        return encode(self._derived(f"nonce {request.id}"))

    def _derived(self, purpose: str) -> bytes:
        return hmac.digest(self.key, purpose.encode(), "sha256")

    def _bound(self) -> bytes:
        # guard: the session of an authorization request
        return hashlib.sha256(b"ailyus-connection\n" + self.session.encode()).digest()


def request_url(
    keys: RequestKeys, request: AuthorizationRequest, client: OAuthClient, endpoint: str, redirect_uri: str
) -> str:
    """Where the browser goes: the authorization endpoint with every parameter of the request."""
    scopes = client.scopes(request.side)
    more = {"code_challenge": keys.challenge(request), "code_challenge_method": "S256"}
    if "openid" in scopes:
        more["nonce"] = keys.nonce(request)
    if client.resource:
        more["resource"] = client.resource
    more |= dict(client.authorize_parameters)
    return str(
        prepare_grant_uri(
            endpoint,
            client.client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=" ".join(scopes) or None,
            state=keys.seal(request),
            **more,
        )
    )


def new_id() -> str:
    """A fresh id of a request: 128 random bits in hex."""
    return secrets.token_hex(16)
