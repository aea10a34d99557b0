"""The identity token of an OpenID provider: whose it is, checked as OpenID Connect Core 1.0, section 3.1.3.7, says."""

import hmac
from typing import Final, cast

from server.identity.token_issuer import Document, Issuer

_TYPES: Final = frozenset({"jwt", ""})
_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")


async def identity_of(issuer: Issuer, token: str, client_id: str, nonce: str | None) -> Document:
    """The claims of an identity token that answers the question with this nonce. Raises `ValueError`."""
    claims = await issuer.checked(token, client_id, _ALGORITHMS, _TYPES)
    if claims is None:
        raise ValueError("the identity token does not hold")
    # guard: identity for another question
    if nonce is not None and not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise ValueError("the identity token answers another question")
    if claims.get("azp", client_id) != client_id:
        raise ValueError("the identity token is for another client")
    return cast(Document, claims)
