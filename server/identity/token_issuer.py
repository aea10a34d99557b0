"""An issuer of tokens: its metadata and its public keys, looked at when they are too old or one is missing."""

import asyncio
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import httpx2
import jwt
import orjson
import structlog
from pydantic import JsonValue

from adapters.tls import trusted
from contracts.action.http_request import check_base_url
from contracts.errors import AilyusError

MAX_DOCUMENT = 256 * 1024
"""Bytes of a key set or of metadata."""
FETCH_SECONDS = 5.0
SOONEST_SECONDS = 1.0
"""At least this long between two looks at the key set, whoever asks."""
OLDEST_SECONDS = 3600.0
"""Keys that could not be looked at anew for this long verify nothing."""
Document = dict[str, JsonValue]
log = structlog.get_logger()


@dataclass(slots=True)
class _Keys:
    by_id: Mapping[str, jwt.PyJWK]
    content: bytes
    looked: float


class Issuer:
    """`keys` is the address of its key set (RFC 7517), else its metadata says where; `keys_for` in seconds."""

    def __init__(self, name: str, keys: str = "", keys_for: float = 60.0) -> None:
        self.name = name
        self._address = keys
        self._keys_for = keys_for
        self._keys = _Keys({}, b"", -math.inf)
        self._tried = 0.0
        self._looking = asyncio.Lock()
        self._said: tuple[Document, float] = ({}, -math.inf)
        self._reading = asyncio.Lock()
        self._client = httpx2.AsyncClient(
            timeout=FETCH_SECONDS, trust_env=False, follow_redirects=False, verify=trusted()
        )
        self.generation = 0
        """Moves when a key came, went or changed: what was verified before is verified anew."""

    @property
    def count(self) -> int:
        """How many keys it has."""
        return len(self._keys.by_id)

    async def refresh(self) -> None:
        """Look at the keys anew when they are too old."""
        if time.monotonic() - self._keys.looked > self._keys_for:
            await self._look()

    async def checked(
        self, token: str, audience: str | Sequence[str], algorithms: Collection[str], types: Collection[str]
    ) -> dict[str, object] | None:
        """The claims of a JWT that this issuer signed for this audience, or one of these, and that holds now; or None.

        The algorithm is one of those given, whatever the token says (RFC 8725, section 3.1); so is its type.
        """
        try:
            header = jwt.get_unverified_header(token)
            algorithm, keyid = str(header.get("alg")), header.get("kid")
            # INVARIANT: nothing but what is listed verifies anything
            if algorithm not in algorithms or str(header.get("typ", "")).lower() not in types or "crit" in header:
                return None
            key = await self.key(keyid if isinstance(keyid, str) else None)
            if key is None:
                return None
            found: dict[str, object] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=audience,
                issuer=self.name,  # guard: issuer of tokens
                # guard: audience of tokens
                options={"require": ["exp", "iss", "sub", "aud"], "verify_nbf": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as fault:
            log.info("token_refused", issuer=self.name, reason=type(fault).__name__)
            return None
        return found

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def key(self, keyid: str | None) -> jwt.PyJWK | None:
        """The key of that id, or the only one when none is named; None when there is none that may be trusted."""
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
                log.warning("keys_not_fetched", issuer=self.name, reason=type(fault).__name__)
                return
            if fresh.content != self._keys.content:
                self.generation += 1
            self._keys = fresh

    async def _fetched(self) -> _Keys:
        document = await self._document(self._address or await self._announced())
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

    async def metadata(self) -> Document:
        """What the issuer says of itself, looked at as seldom as its keys are; raises `ValueError` without."""
        async with self._reading:
            said, looked = self._said
            if time.monotonic() - looked > self._keys_for:
                said = await self._metadata()
                self._said = (said, time.monotonic())
            return said

    async def _metadata(self) -> Document:
        """OpenID Connect Discovery 1.0, section 4, else RFC 8414, section 3.1."""
        issuer = self.name.rstrip("/")
        scheme, _, rest = issuer.partition("://")
        host, slash, path = rest.partition("/")
        first = f"{scheme}://{host}/.well-known/oauth-authorization-server{slash}{path}"
        for url in (f"{issuer}/.well-known/openid-configuration", first):
            try:
                document = await self._document(url)
            except (httpx2.HTTPError, ValueError):
                continue
            if document.get("issuer") == self.name:
                return document
        raise ValueError("the issuer has no metadata")

    async def _announced(self) -> str:
        keys = str((await self.metadata()).get("jwks_uri", ""))
        check_base_url(keys)
        return keys

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
