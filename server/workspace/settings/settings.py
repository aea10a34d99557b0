"""The settings of a workspace: `ailyus.toml`, overridden by `AILYUS_…` environment variables.

It is what the gateway is told, part by part, each in a module of its own; it is not what a release consists of, which
is `ReleaseSettings`. It promises that an unknown key is an error, and that a variable wins over the file. The names of
variables follow `pydantic-settings`: two underscores stand for a dot.
"""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from server.workspace.settings.browser import BrowserPart
from server.workspace.settings.connection import AdapterPart, ConnectionPart
from server.workspace.settings.console import ConsolePart
from server.workspace.settings.coverage import CoveragePart
from server.workspace.settings.credentials import CredentialsPart
from server.workspace.settings.export import ExportPart
from server.workspace.settings.notification import EscalationPart, NoticePart
from server.workspace.settings.oauth import OAuthPart
from server.workspace.settings.observability import LogsPart, MetricsPart, TelemetryPart
from server.workspace.settings.part import Documented, Measure, SettingsPart
from server.workspace.settings.person import PersonPart
from server.workspace.settings.server import ServerPart
from server.workspace.settings.store import LogPart, StorePart
from server.workspace.settings.witness import WitnessPart

PREFIX = "AILYUS_"
"""What the environment variables of settings begin with."""
SEPARATOR = "__"
"""What stands in such a variable for the dot of a key."""


class SandboxPart(SettingsPart):
    """The local twins, started with the gateway."""

    port: int = Field(ge=1, le=65535, examples=[8421])
    """The port of all twins, on 127.0.0.1."""


class ReleasePart(SettingsPart):
    """The roles that may release contracts, policies and settings."""

    roles: tuple[str, ...] = Field((), examples=[["SecurityLead"]])
    """A person needs one of them to sign a release."""


class ApprovalsPart(SettingsPart):
    """How many requests may wait for people: of one agent for one person, and of one tenant."""

    pending_per_agent: Annotated[int, Measure("requests")] = Field(5, ge=1, le=10_000)
    """The requests of one agent for one person; a further one is refused."""
    pending_per_tenant: Annotated[int, Measure("requests")] = Field(50, ge=1, le=10_000)
    """The requests of a tenant; a further one is refused."""


class Settings(BaseSettings, Documented):
    """Everything that `ailyus.toml` may say."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=SEPARATOR,
        extra="forbid",
        frozen=True,
    )

    origin: str = Field(pattern=r"^[A-Za-z0-9./-]{1,100}$", examples=["acme.example/ailyus"])
    """The name of the log, which its checkpoints carry (C2SP tlog-checkpoint); it never changes."""
    development: bool = False
    """Is this a trial? Then keys without a passphrase count, and receipts say `governed: false`."""
    change_freeze: bool = False
    """Is a freeze on? Policies read it as `env.changeFreeze`."""
    incident: bool = False
    """Is there an incident? Policies read it as `env.incident`."""
    time_zone: str = Field("UTC", examples=["Europe/Berlin"])
    """The IANA time zone by whose clocks policies read `env.weekday` (1 is Monday) and `env.localTime`."""
    session_hours: Annotated[int, Measure("hours")] = Field(8, ge=1, le=24)
    """How far back `session.saw` looks: what an agent was shown for its person since then."""
    roles: tuple[str, ...] = Field(examples=[["Support", "SecurityLead"]])
    """All roles that people can have and policies can name."""
    environments: tuple[str, ...] = ("prod",)
    """All environments that connections can have and policies can name."""
    server: ServerPart = ServerPart()
    """Where the gateway listens."""
    sandbox: SandboxPart | None = None
    """The twins of real systems, to try things with."""
    store: StorePart | None = None
    """Where the store is, and the key that seals secrets in it; without it files in `.ailyus/`."""
    log: LogPart = LogPart()
    """The key that signs the log of statements."""
    witness: WitnessPart | None = None
    """Who cosigns the log's checkpoints; without it the log is attested by its own operator."""
    logs: LogsPart = LogsPart()
    """The log lines on standard error."""
    credentials: CredentialsPart = CredentialsPart()
    """How long secrets are kept, and the programs and the Vault that give them."""
    metrics: MetricsPart | None = None
    """Where Prometheus scrapes; without it nowhere."""
    oauth: OAuthPart | None = None
    """The authorization server whose tokens agents may bring."""
    telemetry: TelemetryPart | None = None
    """The collector that traces and metrics are sent to; without it none."""
    browser: BrowserPart = BrowserPart()
    """The browser for connections with pages."""
    people: tuple[PersonPart, ...] = ()
    """The people for whom agents act, and who approve."""
    connections: dict[str, ConnectionPart] = Field(default_factory=dict)
    """The systems that contracts act on, by name."""
    adapters: dict[str, AdapterPart] = Field(default_factory=dict)
    """The adapters in Python that may run, by name."""
    escalations: dict[str, EscalationPart] = Field(default_factory=dict)
    """Who is told of an outcome in doubt, by name."""
    console: ConsolePart = ConsolePart()
    """The console for people."""
    release: ReleasePart = ReleasePart()
    """Who may release."""
    approvals: ApprovalsPart = ApprovalsPart()
    """How many requests may wait."""
    notices: dict[str, NoticePart] = Field(default_factory=dict)
    """Who is told that people are needed, by name."""
    export: dict[str, ExportPart] = Field(default_factory=dict)
    """Where the statements of the log are pushed to, by name."""
    coverage: dict[str, CoveragePart] = Field(default_factory=dict)
    """The audit logs of systems that are compared with receipts, by name."""

    @property
    def has_database(self) -> bool:
        """Is the store a database, which replicas share, and no file?"""
        return self.store is not None and self.store.url is not None

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
