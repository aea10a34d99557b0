"""The gateway as an OAuth 2.1 resource server: access tokens of one authorization server, checked by its public keys.

Tokens are JWTs (RFC 9068) for this resource (RFC 8707): `sub` is the person, `act.sub` (RFC 8693, section 4.1) the
agent that acts for them. A deeper `act` is recorded nowhere and used for nothing.
"""

import asyncio
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
import jwt
import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.errors import AilyusError
from contracts.http_request import check_base_url
from server.settings import OAuthPart

MAX_TOKEN = 8192
"""Bytes of a token."""
MAX_HELD = 10_000
"""Tokens that were verified and need not be again while the keys stay as they are."""
MAX_DOCUMENT = 256 * 1024
"""Bytes of a key set or of metadata."""
FETCH_SECONDS = 5.0
SOONEST_SECONDS = 1.0
"""At least this long between two looks at the key set, whoever asks."""
OLDEST_SECONDS = 3600.0
"""Keys that could not be looked at anew for this long verify nothing."""
SKEW_SECONDS = 5.0
"""How far the issuer's clock may be ahead; nothing is added to the end of a token."""
_TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt", ""})
log = structlog.get_logger()


class _Actor(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    sub: str = Field(min_length=1, max_length=256)


class Claims(BaseModel):
    """What of a token's claims is used; the rest is nobody's business here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    iss: str
    sub: str = Field(min_length=1, max_length=256)
    exp: float
    nbf: float = 0.0
    act: _Actor | None = None
    client_id: str = Field("", max_length=256)
    azp: str = Field("", max_length=256)

    @property
    def client(self) -> str:
        """The agent that acts, or the client that the person uses."""
        return self.act.sub if self.act else self.client_id or self.azp


@dataclass(slots=True)
class _Keys:
    by_id: Mapping[str, jwt.PyJWK]
    content: bytes
    looked: float


class Tokens:
    """Verifies access tokens. `verified` counts signatures that were checked."""

    def __init__(self, settings: OAuthPart) -> None:
        self._settings = settings
        self._keys = _Keys({}, b"", -math.inf)
        self._held: OrderedDict[str, Claims] = OrderedDict()
        self._tried = 0.0
        self._looking = asyncio.Lock()
        self._client = httpx2.AsyncClient(timeout=FETCH_SECONDS, trust_env=False, follow_redirects=False)
        self._resource = settings.resource
        self.generation = 0
        """Moves when a key came or went: what was verified before is verified anew."""
        self.verified = 0

    def metadata(self, port: int) -> dict[str, JsonValue]:
        """RFC 9728, section 2. Without a resource in the settings it is the gateway's own address."""
        self._resource = self._settings.resource or f"http://127.0.0.1:{port}/mcp"
        return {
            "resource": self._resource,
            "authorization_servers": [self._settings.issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": "Ailyus",
        }

    def agent(self, client: str) -> str:
        """The registered agent that a client or an actor is."""
        return self._settings.agents.get(client, client)

    async def refresh(self) -> None:
        """Look at the keys anew when they are older than the settings say."""
        if time.monotonic() - self._keys.looked > self._settings.keys_for / 1000:
            await self._look()

    async def verify(self, token: str) -> Claims | None:
        """The claims of a token that is meant for this resource and holds now, or None."""
        if len(token) > MAX_TOKEN or token.count(".") != 2 or not self._resource:
            return None
        hashed = hashlib.sha256(token.encode()).hexdigest()
        held = self._held.get(hashed)
        if held is None:
            held = await self._checked(token)
            if held is None:
                return None
            self._held[hashed] = held
            while len(self._held) > MAX_HELD:
                self._held.popitem(last=False)
        return held if held.exp > time.time() else None

    async def _checked(self, token: str) -> Claims | None:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            return None
        algorithm, keyid, kind = header.get("alg"), header.get("kid"), str(header.get("typ", "")).lower()
        # INVARIANT: the algorithm is one of ours, whatever the token says (RFC 8725, section 3.1)
        if algorithm not in self._settings.algorithms or kind not in _TYPES or "crit" in header:
            return None
        key = await self._key(keyid if isinstance(keyid, str) else None)
        if key is None:
            return None
        return self._claims(token, key, str(algorithm))

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    def _claims(self, token: str, key: jwt.PyJWK, algorithm: str) -> Claims | None:
        self.verified += 1
        required = ["exp", "iss", "sub", "aud"]
        try:
            found = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._resource,
                issuer=self._settings.issuer,
                options={"require": required, "verify_nbf": False, "verify_iat": False},
            )
            claims = Claims.model_validate(found)
        except (jwt.PyJWTError, ValueError, TypeError) as fault:
            log.info("token_refused", reason=type(fault).__name__)
            return None
        return claims if claims.nbf <= time.time() + SKEW_SECONDS else None

    async def _key(self, keyid: str | None) -> jwt.PyJWK | None:
        await self.refresh()
        if keyid not in self._keys.by_id and not (keyid is None and len(self._keys.by_id) == 1):
            await self._look()  # a key that came since
        if time.monotonic() - self._keys.looked > OLDEST_SECONDS:
            return None
        if keyid is None:
            return next(iter(self._keys.by_id.values())) if len(self._keys.by_id) == 1 else None
        return self._keys.by_id.get(keyid)

    async def _look(self) -> None:
        """Fetch the key set, one at a time and at most once a second; what fails leaves the keys as they are."""
        asked = time.monotonic()
        async with self._looking:
            if self._tried > asked:
                return
            await asyncio.sleep(max(0.0, self._tried + SOONEST_SECONDS - time.monotonic()))
            self._tried = time.monotonic()
            try:
                fresh = await self._fetched()
            except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, AilyusError) as fault:
                log.warning("keys_not_fetched", issuer=self._settings.issuer, reason=type(fault).__name__)
                return
            if fresh.content != self._keys.content:
                self.generation += 1
                self._held.clear()
            self._keys = fresh

    async def _fetched(self) -> _Keys:
        document = await self._document(self._settings.keys or await self._announced())
        listed = document.get("keys")
        found: dict[str, jwt.PyJWK] = {}
        for entry in listed if isinstance(listed, list) else []:
            if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
                continue
            try:
                found[str(entry.get("kid", ""))] = jwt.PyJWK(entry)
            except jwt.PyJWTError:
                continue  # a key of a kind that is not known here verifies nothing
        if not found:
            raise ValueError("no key in the set")
        return _Keys(found, orjson.dumps(listed, option=orjson.OPT_SORT_KEYS), time.monotonic())

    async def _announced(self) -> str:
        """Where the issuer's keys are: RFC 8414, section 3.1, else OpenID Connect Discovery 1.0, section 4."""
        issuer = self._settings.issuer.rstrip("/")
        scheme, _, rest = issuer.partition("://")
        host, slash, path = rest.partition("/")
        first = f"{scheme}://{host}/.well-known/oauth-authorization-server{slash}{path}"
        for url in (first, f"{issuer}/.well-known/openid-configuration"):
            try:
                document = await self._document(url)
            except (httpx2.HTTPError, ValueError):
                continue
            keys = document.get("jwks_uri")
            if document.get("issuer") == self._settings.issuer and isinstance(keys, str):
                check_base_url(keys)
                return keys
        raise ValueError("the issuer announces no keys")

    async def _document(self, url: str) -> dict[str, JsonValue]:
        async with self._client.stream("GET", url, headers={"accept": "application/json"}) as answer:
            if answer.status_code != 200:
                raise ValueError(f"answered {answer.status_code}")
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MAX_DOCUMENT:
                    raise ValueError("too large")
        document = orjson.loads(content)
        if not isinstance(document, dict):
            raise ValueError("no object")
        return document
