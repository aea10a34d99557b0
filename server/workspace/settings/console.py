"""`[console]`: where people approve and look, and how they sign in."""

from pydantic import Field

from contracts.schema.fields import Duration
from server.workspace.settings.part import Reference, SettingsPart


class OidcPart(SettingsPart):
    """The identity provider of the console: the people whose `issuer` it is sign in there, and hold what it says."""

    issuer: str = Field(pattern=r"^https?://[^\s?#]+$", examples=["https://id.example.com"])
    """Its issuer (OpenID Connect Discovery 1.0)."""
    client_id: str = Field(examples=["ailyus-console"])
    """The console's client id there."""
    client_secret: Reference = Field(examples=["env:CONSOLE_CLIENT_SECRET"])
    """The console's client secret, by reference."""
    scopes: tuple[str, ...] = ("openid", "profile", "offline_access")
    """The scopes that are asked for."""
    roles_claim: str = "groups"
    """The claim that tells a person's roles."""
    roles: dict[str, str] = Field(default_factory=dict, examples=[{"sec-leads": "SecurityLead"}])
    """The declared role for a value of the claim; nobody of this issuer approves with any other."""


class ConsolePart(SettingsPart):
    """The console: where browsers reach it, which roles vouch for new passkeys, how long a session lasts."""

    url: str | None = Field(
        None, pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$", examples=["https://ailyus.example.com"]
    )
    """Where browsers reach it; without it the gateway's own address. Passkeys are bound to its host."""
    admins: tuple[str, ...] = Field((), examples=[["SecurityLead"]])
    """The roles of which two people vouch for a new passkey."""
    session: Duration = 28_800_000
    """How long a person stays signed in."""
    oidc: OidcPart | None = None
    """The identity provider, where people sign in by one."""
