"""An authorization server in small: real keys, a key set and metadata over HTTP, tokens of every kind of wrong."""

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.workspace.free_port import free_port
from tests.world import Sandbox, World, app_serving, gateway, make_workspace

RESOURCE = "https://ailyus.example.com/mcp"


@dataclass
class Issuer:
    """Keys by id; `looked` counts how often the key set was fetched."""

    port: int
    keys: dict[str, Any] = field(default_factory=dict)
    looked: int = 0
    is_down: bool = False
    kind: str = "at+jwt"

    def __post_init__(self) -> None:
        self.rotate("k1")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rotate(self, keyid: str) -> None:
        """From now on this key alone."""
        self.keys = {keyid: ec.generate_private_key(ec.SECP256R1())}

    def public(self, keyid: str) -> dict[str, Any]:
        numbers = self.keys[keyid].public_key().public_numbers()
        x, y = (base64.urlsafe_b64encode(n.to_bytes(32, "big")).rstrip(b"=").decode() for n in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": keyid, "use": "sig", "alg": "ES256"}

    def pem(self, keyid: str) -> bytes:
        found: bytes = self.keys[keyid].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return found

    def app(self) -> Starlette:
        async def metadata(request: Request) -> JSONResponse:
            return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

        async def keys(request: Request) -> JSONResponse:
            self.looked += 1
            return JSONResponse({"keys": [self.public(k) for k in self.keys]}, 503 if self.is_down else 200)

        return Starlette(
            routes=[Route("/.well-known/oauth-authorization-server", metadata), Route("/keys", keys)],
        )

    def token(self, *, key: Any = None, algorithm: str = "ES256", keyid: str | None = None, **claims: Any) -> str:
        """A good token, but for what is said; a claim that is None is left out."""
        name = keyid or next(iter(self.keys))
        now = time.time()
        body = {
            "iss": self.url,
            "sub": "maria-1",
            "aud": RESOURCE,
            "exp": now + 600,
            "iat": now,
            "act": {"sub": "support-bot"},
            "client_id": "a-client",
            **claims,
        }
        body = {n: v for n, v in body.items() if v is not None}
        return jwt.encode(body, key or self.keys[name], algorithm, headers={"kid": name, "typ": self.kind})

    def unsigned(self) -> str:
        _, body, _ = self.token().split(".")
        none = base64.urlsafe_b64encode(orjson.dumps({"alg": "none", "typ": "at+jwt"})).rstrip(b"=").decode()
        return f"{none}.{body}."

    def with_public_key_as_secret(self) -> str:
        """HS256 keyed by the public key's PEM (RFC 8725, section 2.1); pyjwt itself refuses to make one."""
        import hashlib
        import hmac

        name = next(iter(self.keys))
        head = base64.urlsafe_b64encode(orjson.dumps({"alg": "HS256", "kid": name, "typ": "at+jwt"})).rstrip(b"=")
        signed = head + b"." + self.token().split(".")[1].encode()
        mac = base64.urlsafe_b64encode(hmac.digest(self.pem(name), signed, hashlib.sha256)).rstrip(b"=")
        return (signed + b"." + mac).decode()


PEOPLE = """
[[people]]
name = "maria"
tenant = "acme"
issuer = "{url}"
subject = "maria-1"
roles = ["Support"]

[[people]]
name = "otto"
tenant = "globex"
issuer = "{url}"
subject = "otto-1"
roles = ["Support"]

[oauth]
issuer = "{url}"
resource = "{resource}"
keys_for = "2s"
agents = {{ "a-client" = "support-bot", "support-bot" = "support-bot" }}
"""


@asynccontextmanager
async def issued(folder: Path, sandbox: Sandbox, more: str = "") -> AsyncIterator[tuple[World, Issuer]]:
    """A gateway that takes this issuer's tokens."""
    issuer = Issuer(free_port())
    extra = PEOPLE.format(url=issuer.url, resource=RESOURCE) + more
    async with app_serving(issuer.app(), issuer.port):
        async with gateway(make_workspace(folder, sandbox, extra=extra), sandbox) as world:
            yield world, issuer


def other_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key() -> Any:
    return rsa.generate_private_key(65537, 2048)
