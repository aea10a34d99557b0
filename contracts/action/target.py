"""The target of an action: one connection to one system, without its secrets."""

from dataclasses import dataclass, field
from typing import Literal

from contracts.action.oauth_client import OAuthClient
from contracts.canonical import digest


@dataclass(frozen=True, slots=True)
class Ui:
    """The account that a connection's browser signs in with, for its pages: never wider than the API principal.

    `login` is a reference to `username:password`; `read_login`, if it is another, is used for reading. `origins` are
    further origins that its pages may load from. `rights`, beside the target's own, show that it is no wider where its
    `principal` is another.
    """

    base_url: str
    login: str
    principal: str
    read_login: str = ""
    read_principal: str = ""
    origins: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    max_timeout_ms: int = 60_000

    def account(self, *, reading: bool) -> tuple[str, str]:
        """The reference of the login to use, and the account that the page must then show."""
        if reading and self.read_login:
            return self.read_login, self.read_principal
        return self.login, self.principal


@dataclass(frozen=True, slots=True)
class Mcp:
    """The upstream MCP server of a connection: a `url` (streamable HTTP), or a `command` that speaks on its pipes.

    A command is spawned with nothing in its environment but `variables`: a name each, and a reference or `text:…`. It
    runs in `directory`, below the workspace (default: one of its own). Where a reference holds `{person}`, here or in
    the connection's `read` and `write`, each person has a session with a credential of their own.

    `start_seconds` is how long the server may take until it answers; it says nothing about what may be done, so it is
    in no digest.
    """

    url: str = ""
    command: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    directory: str = ""
    start_seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class PluginRef:
    """The adapter in Python of a connection: its entry point, and the digest that its distribution must have."""

    entry_point: str
    digest: str


@dataclass(frozen=True, slots=True)
class Target:
    """A named connection. Tenant and environment come from here, never from a record.

    `read` and `write` are *references* to credentials (`env:NAME`, `none` or another); `principal` is the API
    principal that the write credential acts as. Limits may shorten what a contract says (milliseconds), never lengthen;
    `max_in_flight` and `per_minute` bound the sends, 0 is no bound. `auth: sigv4` signs for an AWS region and service.
    `headers` go with every request that does not name them itself, names in lower case; they are no secrets.
    `exclusive`: nobody else makes objects where the write credential does, so what is new there is ours. `oauth2`: its
    credentials are access tokens, and `read` and `write` refer to those of this very connection (`TokenReference`).
    `check` is the path of a harmless read below its base URL.
    """

    name: str
    kind: str
    base_url: str
    tenant: str
    environment: str
    read: str
    write: str
    principal: str
    header: str = "Authorization"
    scheme: str = "Bearer"
    direct: bool = False
    origin_trusted: bool = False
    max_timeout_ms: int = 60_000
    max_settle_ms: int = 600_000
    auth: Literal["header", "sigv4", "oauth2"] = "header"
    region: str = ""
    service: str = ""
    max_in_flight: int = 0
    per_minute: int = 0
    exclusive: bool = False
    rights: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    ui: Ui | None = None
    mcp: Mcp | None = None
    plugin: PluginRef | None = None
    oauth2: OAuthClient | None = None
    check: str = ""
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # limits are left out: a shorter timeout is the same place, and approvals stay valid
        facts: dict[str, object] = {
            "name": self.name,
            "kind": self.kind,
            "baseUrl": self.base_url,
            "tenant": self.tenant,
            "environment": self.environment,
            "read": self.read,
            "write": self.write,
            "principal": self.principal,
            "header": self.header,
            "scheme": self.scheme,
            "direct": self.direct,
        }
        # what came later is a fact only where it is used, so that older connections keep their digest
        if self.auth != "header":
            facts |= {"auth": self.auth, "region": self.region, "service": self.service}
        if self.exclusive:
            facts["exclusive"] = True
        if self.rights:
            facts["rights"] = list(self.rights)
        # such a header can choose whose records are meant (`Xero-Tenant-Id`)
        if self.headers:
            facts["headers"] = [list(pair) for pair in self.headers]
        if self.ui is not None:
            facts["browser"] = {
                "baseUrl": self.ui.base_url,
                "login": self.ui.login,
                "principal": self.ui.principal,
                "readLogin": self.ui.read_login,
                "readPrincipal": self.ui.read_principal,
                "origins": list(self.ui.origins),
                "rights": list(self.ui.rights),
            }
        if self.mcp is not None:
            facts["mcp"] = {
                "url": self.mcp.url,
                "command": list(self.mcp.command),
                "variables": dict(self.mcp.variables),
                "directory": self.mcp.directory,
            }
        if self.oauth2 is not None:
            facts["oauth2"] = self.oauth2.facts()
        if self.check:
            facts["check"] = self.check
        # other code under the same name is another target
        if self.plugin is not None:
            facts["adapter"] = {"entryPoint": self.plugin.entry_point, "digest": self.plugin.digest}
        # frozen: the one moment at which a derived field can be set
        object.__setattr__(self, "digest", digest(facts))

    @property
    def widens(self) -> bool:
        """Could the browser's account do what the API principal may not, as far as is declared?"""
        if self.ui is None or self.ui.principal == self.principal:
            return False
        # nothing declared counts as wider: a fallback must not do what the API was refused
        return not self.ui.rights or not set(self.ui.rights) <= set(self.rights)

    @property
    def separate_reader(self) -> bool:
        """True when the source of truth is read with another credential than the one that writes."""
        return self.read != self.write
