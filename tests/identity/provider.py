"""An identity provider in small: authorize, token, userinfo, refresh; what it says of people can be changed."""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from tests.identity.issuer import Issuer

CLIENT, SECRET = "ailyus-console", "s3cret-of-the-console"


@dataclass
class Idp(Issuer):
    """Whoever comes to `/authorize` is `subject`. `groups` is what it says of them."""

    subject: str = "rita-1"
    groups: dict[str, list[str]] = field(default_factory=lambda: {"rita-1": ["leads"]})
    in_token: bool = True
    nonce: str | None = None
    revoked: bool = False
    kind: str = "JWT"
    refreshed: int = 0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        async def metadata(request: Request) -> JSONResponse:
            paths = {
                "jwks_uri": "keys",
                "authorization_endpoint": "authorize",
                "token_endpoint": "token",
                "userinfo_endpoint": "userinfo",
            }
            return JSONResponse({"issuer": self.url, **{n: f"{self.url}/{p}" for n, p in paths.items()}})

        async def keys(request: Request) -> JSONResponse:
            return JSONResponse({"keys": [self.public(k) for k in self.keys]})

        async def authorize(request: Request) -> RedirectResponse:
            asked = dict(request.query_params)
            assert asked["code_challenge_method"] == "S256"
            code = secrets.token_urlsafe(16)
            self._codes[code] = asked
            back = {"code": code, "state": asked["state"], "iss": self.url}
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 303)

        async def token(request: Request) -> JSONResponse:
            form = {name: str(value) for name, value in (await request.form()).items()}
            if self.is_down or "authorization" not in request.headers:
                return JSONResponse({"error": "invalid_client"}, 401)
            if form["grant_type"] == "refresh_token":
                self.refreshed += 1
                if self.revoked:
                    return JSONResponse({"error": "invalid_grant"}, 400)
                return JSONResponse(self._tokens(None))
            asked = self._codes.pop(form["code"], None)
            proof = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
            if asked is None or asked["code_challenge"] != proof:
                return JSONResponse({"error": "invalid_grant"}, 400)
            return JSONResponse(self._tokens(asked["nonce"]))

        async def userinfo(request: Request) -> JSONResponse:
            return JSONResponse({"sub": self.subject, "groups": self.groups.get(self.subject, [])})

        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", metadata),
                Route("/keys", keys),
                Route("/authorize", authorize),
                Route("/token", token, methods=["POST"]),
                Route("/userinfo", userinfo),
            ]
        )

    def _tokens(self, nonce: str | None) -> dict[str, Any]:
        groups = {"groups": self.groups.get(self.subject, [])} if self.in_token else {}
        claims = {"sub": self.subject, "aud": CLIENT, "act": None, "client_id": None, **groups}
        identity = self.token(**claims, nonce=self.nonce or nonce, exp=time.time() + 300, typ=None)
        return {
            "access_token": "an-access-token",
            "token_type": "Bearer",
            "id_token": identity,
            "refresh_token": "a-refresh-token",
            "expires_in": 300,
        }
