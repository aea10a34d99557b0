"""The workspace and its settings: `ailyus.toml`, overridden by `AILYUS_…` environment variables."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from contracts.catalog import load_catalog
from contracts.errors import AilyusError
from contracts.fields import Duration
from contracts.http_request import check_base_url
from contracts.source import Malformed, files_of, read_source
from contracts.target import Mcp, PluginRef, Target, Ui
from policies.bundle import read_policies
from policies.principal import People, Person
from policies.release import Release
from server.workspace.hosts import host_fault, plain_host

FILE = "ailyus.toml"
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Asymmetric ones only (RFC 7518, section 3.1; RFC 8037)."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerPart(_Part):
    """Where the gateway listens, and the names (`host:port`) of the load balancer before it.

    Only loopback addresses are bound. `rate` is how many requests a second one agent may send for one person, twice as
    many in a burst; 0 is without a bound. `patience` is how long a request's body may take to arrive.
    """

    host: Literal["127.0.0.1"] = "127.0.0.1"
    port: int = Field(8420, ge=1, le=65535)
    hosts: tuple[str, ...] = ()
    rate: int = Field(100, ge=0, le=100_000)
    patience: Duration = 10_000

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if fault := host_fault(host):
                raise ValueError(f"`{host[:100]}` can never be asked for: {fault}")
        return tuple(plain_host(host) for host in hosts)


class SandboxPart(_Part):
    """The local twins, started with the gateway."""

    port: int = Field(ge=1, le=65535)


class PersonPart(_Part):
    """One person: (issuer, subject) and what they may be asked for."""

    name: str = Field(pattern=r"^[a-z][a-z0-9._-]{0,63}$")
    tenant: str = Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")
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
    tenant: str = Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")
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


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with `ailyus.toml`, `contracts/`, `policies/`, and what the gateway keeps in `.ailyus/`."""

    root: Path
    settings: Settings

    @classmethod
    def open(cls, folder: Path) -> "Workspace":
        """Read the settings; raises `AilyusError` with what to change."""
        path = folder / FILE
        if not path.exists():
            raise AilyusError("no_workspace", f"there is no `{FILE}` in `{folder}`")
        try:
            content = tomllib.loads(read_source(path))
            settings = Settings(**content)
        except (tomllib.TOMLDecodeError, Malformed, RecursionError) as error:
            raise AilyusError("bad_settings", f"the file is no TOML: {error}", field=FILE) from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            problem = message[:1].lower() + message[1:]
            raise AilyusError("bad_settings", f"`{where}`: {problem}", field=FILE) from None
        for name, connection in settings.connections.items():
            ui = connection.browser
            try:
                if connection.mcp is not None:
                    check_server(connection.mcp)
                if connection.adapter and connection.adapter not in settings.adapters:
                    hint = f"name it under [adapters.{connection.adapter}]; see `ailyus adapter list`"
                    raise AilyusError("bad_settings", f"there is no adapter `{connection.adapter}`", hint=hint)
                for url in (*_own_url(connection), *((ui.base_url or connection.base_url, *ui.origins) if ui else ())):
                    check_base_url(url)
            except AilyusError as error:
                raise AilyusError(
                    error.code, error.sentence, hint=error.hint, field=f"{FILE}: connections.{name}"
                ) from None
        oauth, oidc = settings.oauth, settings.console.oidc
        for place, url in (
            *((("oauth", oauth.issuer), ("oauth", oauth.keys or oauth.issuer)) if oauth else ()),
            *((("console.oidc", oidc.issuer),) if oidc else ()),
        ):
            try:
                check_base_url(url)
            except AilyusError as error:
                raise AilyusError(error.code, error.sentence, hint=error.hint, field=f"{FILE}: {place}") from None
        for where, named in (
            ("console: admins", settings.console.admins),
            ("release: roles", settings.release.roles),
            ("console.oidc: roles", tuple(oidc.roles.values()) if oidc else ()),
            *((f"notices.{name}: roles", notice.roles) for name, notice in settings.notices.items()),
        ):
            if unknown := sorted(set(named) - set(settings.roles)):
                hint = f"one of {', '.join(settings.roles)}"
                raise AilyusError(
                    "bad_settings", f"`{unknown[0]}` is no declared role", hint=hint, field=f"{FILE}: {where}"
                )
        if not settings.browser.sandbox and not settings.development:
            hint = "`sandbox = false` is for workspaces with `development = true`; see `user` under [browser]"
            raise AilyusError("bad_settings", "the browser keeps its sandbox", hint=hint, field=FILE)
        return cls(folder, settings)

    @property
    def private(self) -> Path:
        """What only the owner process reads: store, keys, tokens."""
        return self.root / ".ailyus"

    @property
    def store(self) -> Path:
        """The store file, or where a replica remembers what it saw of the database."""
        return self.private / "store.db"

    @property
    def owner_file(self) -> Path:
        """Where the running gateway says how to reach it."""
        return self.private / "owner.json"

    def owner_files(self) -> list[Path]:
        """The same, of every replica that runs in this folder, too."""
        return [self.owner_file, *sorted(self.private.glob("owner-*.json"))]

    def key_file(self, person: str) -> Path:
        """A person's key file."""
        return self.private / "keys" / f"{person}.pem"

    def token_file(self, agent: str) -> Path:
        """An agent's token, for the stdio bridge."""
        return self.private / "agents" / f"{agent}.token"

    def targets(self) -> dict[str, Target]:
        """The connections as targets."""
        return {
            name: Target(
                name=name,
                kind=c.kind,
                base_url=c.base_url,
                tenant=c.tenant,
                environment=c.environment,
                read=c.read,
                write=c.write,
                principal=c.principal,
                header=c.header,
                scheme=c.scheme,
                direct=c.direct,
                origin_trusted=c.origin_trusted,
                max_timeout_ms=c.max_timeout,
                max_settle_ms=c.max_settle,
                auth=c.auth,
                region=c.region,
                service=c.service,
                max_in_flight=c.max_in_flight,
                per_minute=c.per_minute,
                exclusive=c.exclusive,
                rights=c.rights,
                ui=_ui(c),
                mcp=_mcp(c),
                plugin=self._plugin(c),
            )
            for name, c in self.settings.connections.items()
        }

    def _plugin(self, connection: ConnectionPart) -> PluginRef | None:
        part = self.settings.adapters.get(connection.adapter)
        return PluginRef(part.entry_point, part.digest) if part else None

    def policies(self, root: Path | None = None) -> dict[str, str]:
        """Policy files by name."""
        folder = (root or self.root) / "policies"
        for path in files_of(folder, "*"):
            # a wall that nobody loads is believed in all the same
            if path.suffix.lower() == ".cedar" and path.suffix != ".cedar":
                hint = "rename it so that its name ends in `.cedar`"
                raise AilyusError("bad_policy", "no policies are read from it", hint=hint, field=path.name)
        return {str(p.relative_to(folder)): read_policies(p) for p in files_of(folder, "*.cedar")}

    def release(self, author: str | None = None, *, dev: bool = False, files: Path | None = None) -> Release:
        """Build what the files say now as a release. Off the loop: it parses, validates and compiles everything.

        `files` is another folder with `contracts` and `policies`, such as what the store kept of the last release.
        """
        settings, folder = self.settings, files or self.root
        people = {
            p.name: Person(p.name, p.issuer, p.subject or p.name, p.tenant, frozenset(p.roles)) for p in settings.people
        }
        return Release.build(
            load_catalog(folder / "contracts"),
            self.policies(folder),
            self.targets(),
            People(people),
            settings.roles,
            settings.environments,
            origin=settings.origin,
            author=author,
            development=settings.development,
            governed=author is not None and not dev,
            change_freeze=settings.change_freeze,
            releasers=settings.release.roles,
        )


_LAUNCHERS = {"uvx": "==", "npx": "@"}
"""What fetches a package by itself, and what stands before a version."""


def check_server(part: McpPart) -> None:
    """An MCP server has one way in, and a package that a launcher fetches has a version."""
    if bool(part.url) is bool(part.command):
        raise AilyusError("bad_settings", "an MCP server has either `url` or `command`")
    if part.url:
        check_base_url(part.url)
        return
    mark = _LAUNCHERS.get(Path(part.command[0]).name)
    packages = [word for word in part.command[1:] if not word.startswith("-")]
    if mark and not any(mark in word[1:] for word in packages):  # guard: packages have versions
        hint = f"name its version, for example `package{mark}1.2.3`"
        raise AilyusError("bad_settings", f"`{' '.join(part.command)}` is not pinned by version", hint=hint)


def _own_url(connection: ConnectionPart) -> tuple[str, ...]:
    """The URL to check: an MCP server or an adapter needs none, and an adapter may speak another protocol."""
    if not connection.base_url and (connection.mcp is not None or connection.adapter):
        return ()
    of_another = connection.adapter and not connection.base_url.startswith(("http:", "https:"))
    return () if of_another else (connection.base_url,)


def _mcp(connection: ConnectionPart) -> Mcp | None:
    part = connection.mcp
    if part is None:
        return None
    variables = tuple(sorted(part.variables.items()))
    return Mcp(part.url, part.command, variables, part.directory, part.start_timeout / 1000)


def _ui(connection: ConnectionPart) -> Ui | None:
    part = connection.browser
    if part is None:
        return None
    return Ui(
        base_url=part.base_url or connection.base_url,
        login=part.login,
        principal=part.principal,
        read_login=part.read_login,
        read_principal=part.read_principal or part.principal,
        origins=part.origins,
        rights=part.rights,
        max_timeout_ms=part.max_timeout,
    )
