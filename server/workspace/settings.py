"""The workspace and its settings: `ailyus.toml`, overridden by `AILYUS_…` environment variables."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from contracts.schema.fields import Duration
from server.workspace.observability_settings import LogsPart, MetricsPart
from server.workspace.server_part import ServerPart

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Asymmetric ones only (RFC 7518, section 3.1; RFC 8037)."""
PERSON = r"^[a-z][a-z0-9._-]{0,63}$"
TENANT = r"^[a-z][a-z0-9-]{0,63}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SandboxPart(_Part):
    """The local twins, started with the gateway."""

    port: int = Field(ge=1, le=65535)


class PersonPart(_Part):
    """One person: (issuer, subject) and what they may be asked for."""

    name: str = Field(pattern=PERSON)
    tenant: str = Field(pattern=TENANT)
    issuer: str = "local"
    subject: str | None = None
    roles: tuple[str, ...] = ()


class UiPart(_Part):
    """The account of a connection's browser; logins are references to `username:password`."""

    base_url: str | None = None
    login: str
    principal: str
    read_login: str = ""
    read_principal: str = ""
    origins: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    max_timeout: Duration = 60_000


class BrowserPart(_Part):
    """The browser of the gateway: which one, as which user of the operating system, how many pages at once."""

    path: str | None = None
    user: str | None = None
    sandbox: bool = True
    pages: int = Field(4, ge=1, le=32)


class McpPart(_Part):
    """The MCP server of a connection: a `url`, or a `command` with the `variables` that it gets (by reference)."""

    url: str = ""
    command: tuple[str, ...] = ()
    variables: dict[str, str] = Field(default_factory=dict)
    directory: str = ""
    start_timeout: Duration = 60_000


class AdapterPart(_Part):
    """An adapter in Python: its entry point in the group `ailyus.adapters`, and the digest of its distribution."""

    entry_point: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class ConnectionPart(_Part):
    """One connection to one system. `read` and `write` are references: `env:NAME`, `file:PATH` or `none`."""

    kind: str
    base_url: str = ""
    tenant: str = Field(pattern=TENANT)
    environment: str
    read: str
    write: str
    principal: str = "ailyus"
    header: str = "Authorization"
    scheme: str = "Bearer"
    direct: bool = False
    origin_trusted: bool = False
    max_timeout: Duration = 60_000
    max_settle: Duration = 600_000
    auth: Literal["header", "sigv4"] = "header"
    region: str = ""
    service: str = ""
    max_in_flight: int = Field(0, ge=0, le=1000)
    per_minute: int = Field(0, ge=0, le=100_000)
    exclusive: bool = False
    rights: tuple[str, ...] = ()
    browser: UiPart | None = None
    mcp: McpPart | None = None
    adapter: str = ""


class OAuthPart(_Part):
    """The authorization server whose access tokens are taken: `keys` is its JWKS, else its metadata says where.

    `resource` is what tokens must be meant for, `agents` the registered agent for a client id or an actor, `keys_for`
    how long a key set is trusted unseen.
    """

    issuer: str = Field(pattern=r"^https?://[^\s?#]+$")
    resource: str = Field("", pattern=r"^(https?://[^\s?#]+)?$")
    keys: str = ""
    algorithms: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")
    agents: dict[str, str] = Field(default_factory=dict)
    keys_for: Duration = 60_000


class StorePart(_Part):
    """A store on PostgreSQL: a reference to its URL, `postgresql://user:password@host/database`."""

    url: str = Field(pattern=r"^(env|file):.+$")


class LogPart(_Part):
    """The key that signs the log, and its passphrase, both by reference."""

    key: str = Field("file:.ailyus/log.pem", pattern=r"^(env|file):.+$")
    passphrase: str = Field("none", pattern=r"^(none|(env|file):.+)$")


class OidcPart(_Part):
    """The identity provider of the console: the people whose `issuer` it is sign in there, and hold what it says.

    `roles` are the declared roles for values of the claim; nobody of this issuer approves with any other.
    """

    issuer: str = Field(pattern=r"^https?://[^\s?#]+$")
    client_id: str
    client_secret: str = Field(pattern=r"^(env|file):.+$")
    scopes: tuple[str, ...] = ("openid", "profile", "offline_access")
    roles_claim: str = "groups"
    roles: dict[str, str] = Field(default_factory=dict)


class ConsolePart(_Part):
    """The console: where browsers reach it, which roles vouch for new passkeys, how long a session lasts."""

    url: str | None = Field(None, pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")
    admins: tuple[str, ...] = ()
    session: Duration = 28_800_000
    oidc: OidcPart | None = None


class ReleasePart(_Part):
    """The roles that may release contracts, policies and settings."""

    roles: tuple[str, ...] = ()


class ApprovalsPart(_Part):
    """How many requests may wait for people: of one agent for one person, and of one tenant."""

    pending_per_agent: int = Field(5, ge=1, le=10_000)
    pending_per_tenant: int = Field(50, ge=1, le=10_000)


class TelemetryPart(_Part):
    """The OpenTelemetry collector that traces and metrics go to (OTLP over HTTP, without `/v1/...`)."""

    endpoint: str = Field(pattern=r"^https?://[^\s?#]+$")


class NoticePart(_Part):
    """Who is told that people are needed: by a signed webhook, or in a channel of a Slack connection.

    `roles`: only when one of these is asked for. `next` is told too when two thirds of the time have passed.
    """

    webhook: str | None = None
    secret: str | None = None
    connection: str | None = None
    channel: str | None = None
    roles: tuple[str, ...] = ()
    next: str | None = None


class EscalationPart(_Part):
    """Where somebody is told; unacknowledged after `after`, the next route is used."""

    webhook: str
    next: str | None = None
    after: Duration = 900_000
    secret: str | None = None


class Settings(BaseSettings):
    """Everything that `ailyus.toml` may say."""

    model_config = SettingsConfigDict(env_prefix="AILYUS_", env_nested_delimiter="__", extra="forbid", frozen=True)

    origin: str = Field(pattern=r"^[A-Za-z0-9./-]{1,100}$")
    development: bool = False
    change_freeze: bool = False
    roles: tuple[str, ...]
    environments: tuple[str, ...] = ("prod",)
    server: ServerPart = ServerPart()
    sandbox: SandboxPart | None = None
    store: StorePart | None = None
    log: LogPart = LogPart()
    logs: LogsPart = LogsPart()
    metrics: MetricsPart | None = None
    oauth: OAuthPart | None = None
    telemetry: TelemetryPart | None = None
    browser: BrowserPart = BrowserPart()
    people: tuple[PersonPart, ...] = ()
    connections: dict[str, ConnectionPart] = Field(default_factory=dict)
    adapters: dict[str, AdapterPart] = Field(default_factory=dict)
    escalations: dict[str, EscalationPart] = Field(default_factory=dict)
    console: ConsolePart = ConsolePart()
    release: ReleasePart = ReleasePart()
    approvals: ApprovalsPart = ApprovalsPart()
    notices: dict[str, NoticePart] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings
