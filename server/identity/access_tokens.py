"""The gateway as an OAuth 2.1 resource server: access tokens of one authorization server, checked by its public keys.

Tokens are JWTs (RFC 9068) for this resource (RFC 8707): `sub` is the person, `act.sub` (RFC 8693, section 4.1) the
agent that acts for them. A deeper `act` is recorded nowhere and used for nothing.
"""

import hashlib
import time
from collections import OrderedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.identity.resource_metadata import ResourceMetadata, metadata_of
from server.identity.token_issuer import Issuer
from server.workspace.public_address import PublicAddress
from server.workspace.settings.oauth import OAuthPart

MAX_TOKEN = 8192
"""Bytes of a token."""
MAX_HELD = 10_000
"""Tokens that were verified and need not be again while the keys stay as they are."""
SKEW_SECONDS = 5.0
"""How far the issuer's clock may be ahead; nothing is added to the end of a token."""
_TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt", ""})


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


class Tokens:
    """Verifies access tokens. `verified` counts signatures that were checked."""

    def __init__(self, settings: OAuthPart) -> None:
        self._settings = settings
        self._audiences: tuple[str, ...] = ()
        self._held: OrderedDict[str, Claims] = OrderedDict()
        self._under = 0
        self.issuer = Issuer(settings.issuer, settings.keys, settings.keys_for / 1000)
        self.verified = 0

    def metadata(self, address: PublicAddress) -> ResourceMetadata:
        """What says where tokens come from, for a gateway that is reached there; from now on they are taken."""
        metadata = metadata_of(self._settings.resource, self._settings.issuer, address)
        self._audiences = metadata.audiences()
        return metadata

    def agent(self, client: str) -> str | None:
        """The registered agent that a client or an actor is; None for one that `[oauth] agents` does not name."""
        return self._settings.agents.get(client)  # guard: a client that is not mapped

    async def verify(self, token: str) -> Claims | None:
        """The claims of a token that is meant for this resource and holds now, or None."""
        if len(token) > MAX_TOKEN or not self._audiences:
            return None
        if self._under != self.issuer.generation:
            self._held.clear()
            self._under = self.issuer.generation
        hashed = hashlib.sha256(token.encode()).hexdigest()
        held = self._held.get(hashed)
        if held is None:
            held = await self._claims(token)
            if held is None:
                return None
            self._held[hashed] = held
            while len(self._held) > MAX_HELD:
                self._held.popitem(last=False)
        return held if held.exp > time.time() else None

    async def _claims(self, token: str) -> Claims | None:
        found = await self.issuer.checked(token, self._audiences, self._settings.algorithms, _TYPES)
        if found is None:
            return None
        self.verified += 1
        try:
            claims = Claims.model_validate(found)
        except ValidationError:
            return None
        return claims if claims.nbf <= time.time() + SKEW_SECONDS else None  # guard: tokens that begin later
