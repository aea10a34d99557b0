"""What a client signs with its key: who it is, or for whom it asks (RFC 7523, sections 2.1 and 2.2)."""

import json
from typing import Final

from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from adapters.oauth.token_answer import TokenFault
from contracts.action.oauth_client import OAuthClient

CLIENT_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SECONDS: Final = 170
"""How long it holds; Salesforce takes none of more than three minutes."""
Key = RSAKey | ECKey
_CURVES: Final = {"P-256": "ES256", "P-384": "ES384"}


def client_assertion(client: OAuthClient, material: bytes, token_url: str) -> str | TokenFault:
    """The client's own proof for a token endpoint, which is about itself; a fault where the key is none."""
    # where tokens are exchanged, the audience that is declared is theirs
    audience = token_url if client.is_exchanged else client.audience or token_url
    return _signed(client, material, audience, client.client_id, {})


def grant_assertion(client: OAuthClient, material: bytes, token_url: str, scopes: tuple[str, ...]) -> str | TokenFault:
    """The grant of `jwt_bearer`, which also names the scopes, where Google reads them."""
    audience = client.audience or token_url
    return _signed(client, material, audience, client.subject, {"scope": " ".join(scopes)} if scopes else {})


def _signed(
    client: OAuthClient, material: bytes, audience: str, subject: str, claims: dict[str, str]
) -> str | TokenFault:
    key = _key(material)
    if key is None:
        return TokenFault("refused", "unusable_key")
    return str(
        sign_jwt_bearer_assertion(
            key,
            client.client_id,
            audience,
            subject or None,
            claims=claims,
            alg=_algorithm(key),
            header=_header(client, key),
            expires_in=_SECONDS,
        )
    )


def _key(material: bytes) -> Key | None:
    text = material.decode("utf-8", "replace").strip()
    for kind in (RSAKey, ECKey):
        try:
            key = kind.import_key(json.loads(text) if text.startswith("{") else text)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if key.is_private and (isinstance(key, RSAKey) or key.curve_name in _CURVES):
            return key
    return None


def _algorithm(key: Key) -> str:
    return "RS256" if isinstance(key, RSAKey) else _CURVES[key.curve_name]


def _header(client: OAuthClient, key: Key) -> dict[str, str]:
    kid = client.key_id or key.kid or ""
    return {"typ": "JWT"} | ({"kid": kid} if kid else {})
