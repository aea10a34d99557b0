"""`[oauth]`: the authorization server whose access tokens agents bring."""

from typing import Literal

from pydantic import Field

from contracts.schema.fields import Duration
from server.workspace.settings.part import SettingsPart

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Asymmetric ones only (RFC 7518, section 3.1; RFC 8037)."""


class OAuthPart(SettingsPart):
    """The authorization server whose access tokens are taken."""

    issuer: str = Field(pattern=r"^https?://[^\s?#]+$", examples=["https://id.example.com"])
    """Its issuer, as the tokens' `iss` has it."""
    resource: str = Field("", pattern=r"^(https?://[^\s?#]+)?$", examples=["https://ailyus.example.com/mcp"])
    """What tokens must be meant for (`aud`, RFC 8707); without it the address of `/mcp`."""
    keys: str = Field("", examples=["https://id.example.com/jwks.json"])
    """The address of its key set (RFC 7517); without it its metadata says where (RFC 8414)."""
    algorithms: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")
    """The signatures that are taken."""
    agents: dict[str, str] = Field(default_factory=dict, examples=[{"client-7": "support-bot"}])
    """The registered agent for a client id, or for an actor of the token (RFC 8693)."""
    keys_for: Duration = 60_000
    """How long a key set is trusted without being fetched anew."""
