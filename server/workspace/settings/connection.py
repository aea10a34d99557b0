"""`[connections.NAME]`: one system, its place, and its credentials by reference."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.schema.fields import Duration
from server.workspace.settings.oauth_client import OAuthClientPart
from server.workspace.settings.part import Measure, Reference, ReferenceOrNone, SettingsPart, Variable
from server.workspace.settings.person import TENANT


class UiPart(SettingsPart):
    """The account of a connection's browser; logins are references to `username:password`."""

    base_url: str | None = Field(None, examples=["https://helpdesk.example.com"])
    """Where its pages are; without it the connection's `base_url`."""
    login: Reference = Field(examples=["file:.ailyus/secrets/helpdesk-login"])
    """The login that it writes with: a reference to `username:password`."""
    principal: str = Field(examples=["ailyus-writer"])
    """The account that its pages must then show."""
    read_login: Reference | None = Field(None, examples=["file:.ailyus/secrets/helpdesk-read-login"])
    """The login that it reads with; without it `login`."""
    read_principal: str = Field("", examples=["ailyus-reader"])
    """The account that its pages show to `read_login`."""
    origins: tuple[str, ...] = Field((), examples=[["https://static.example.com"]])
    """Further origins that its pages may load from."""
    rights: tuple[str, ...] = Field((), examples=[["tickets:write"]])
    """What the account may do, which must be among the connection's `rights` where its `principal` is another."""
    max_timeout: Duration = 60_000
    """The longest that one visit may take."""


class McpPart(SettingsPart):
    """The MCP server of a connection: a `url`, or a `command` with the `variables` that it gets (by reference)."""

    url: str = Field("", examples=["https://mcp.example.com/mcp"])
    """Its address (streamable HTTP)."""
    command: tuple[str, ...] = Field((), examples=[["uvx", "mcp-server-git==2026.10.19"]])
    """The program that is it, with its arguments; no shell reads them."""
    variables: dict[str, Variable] = Field(default_factory=dict, examples=[{"TOKEN": "env:GIT_TOKEN"}])
    """Its whole environment: a reference each, or `text:…` for what is no secret."""
    directory: str = Field("", examples=["notes"])
    """Where it runs, below the workspace; without it in a folder of its own."""
    start_timeout: Duration = 60_000
    """The longest that it may take until it answers."""


class AdapterPart(SettingsPart):
    """An adapter in Python: its entry point in the group `ailyus.adapters`, and the digest of its distribution."""

    entry_point: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["pager"])
    """The name of its entry point."""
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", examples=["<64 hexadecimal digits>"])
    """SHA-256 over the files of its distribution; `ailyus adapter list` prints it."""


class ConnectionPart(SettingsPart):
    """One connection to one system. `read` and `write` are references to secrets, or `none`; it may sign in instead."""

    kind: str = Field(examples=["okta"])
    """The system that it is, as contracts name it."""
    base_url: str = Field("", examples=["https://acme.okta.com"])
    """Where its API is."""
    tenant: str = Field(pattern=TENANT, examples=["acme"])
    """The tenant of all its records; a record never says so itself."""
    environment: str = Field(examples=["prod"])
    """Its environment, one of `environments` at the top."""
    read: ReferenceOrNone | None = Field(None, examples=["env:OKTA_READ_TOKEN"])
    """The credential that reads, by reference; must be given unless `auth` is `oauth2`."""
    write: ReferenceOrNone | None = Field(None, examples=["env:OKTA_WRITE_TOKEN"])
    """The credential that writes, by reference; must be given unless `auth` is `oauth2`."""
    principal: str = "ailyus"
    """The account that the write credential belongs to."""
    header: str = "Authorization"
    """The header that carries a credential."""
    scheme: str = "Bearer"
    """The word before a credential in its header; empty for none."""
    direct: bool = False
    """Does nothing stand between the gateway and the system that could answer in its place? Only then is a refusal
    believed to have changed nothing."""
    origin_trusted: bool = False
    """Does nobody from outside write what its records say? Policies read it as `origin.trusted`."""
    max_timeout: Duration = 60_000
    """The longest that one request may take, whatever a contract says."""
    max_settle: Duration = 600_000
    """The longest that a change may take until it can be read, whatever a contract says."""
    auth: Literal["header", "sigv4", "oauth2"] = "header"
    """How requests are signed in: by the header, by AWS Signature Version 4, or by access tokens that it gets."""
    region: str = Field("", examples=["eu-central-1"])
    """The AWS region that is signed for."""
    service: str = Field("", examples=["iam"])
    """The AWS service that is signed for."""
    headers: dict[str, str] = Field(default_factory=dict, examples=[{"Xero-Tenant-Id": "<tenant id>"}])
    """Headers of every request that does not name them itself; no secrets, and part of what an approval is bound to."""
    max_in_flight: Annotated[int, Measure("writes")] = Field(0, ge=0, le=1000)
    """How many writes may be on their way at once; 0 is without a bound."""
    per_minute: Annotated[int, Measure("writes a minute")] = Field(0, ge=0, le=100_000)
    """How many writes may be sent in a minute; 0 is without a bound."""
    exclusive: bool = False
    """Does nobody else make objects where the write credential does? Then a new one is ours after a lost reply."""
    rights: tuple[str, ...] = Field((), examples=[["users:write"]])
    """What the write credential may do, to compare the browser's account with."""
    browser: UiPart | None = None
    """The account for its pages, where contracts fall back to them."""
    mcp: McpPart | None = None
    """The MCP server, where it is one."""
    adapter: str = Field("", examples=["pager"])
    """The adapter in Python, one of `[adapters]`, where it is reached by one."""
    check: str = Field("", pattern=r"^(/[\x21-\x7e]*)?$", max_length=500, examples=["/api/v1/users/me"])
    """The path of a harmless read, which `ailyus connection test` asks."""
    oauth2: OAuthClientPart | None = None
    """How it gets its access tokens, where `auth` is `oauth2`."""

    @model_validator(mode="after")
    def _complete(self) -> "ConnectionPart":
        signs_in = self.auth == "oauth2"
        if signs_in is not (self.oauth2 is not None):
            raise ValueError('`auth = "oauth2"` and a table `oauth2` belong together')
        for name, value in (("read", self.read), ("write", self.write)):
            if signs_in and value is not None:
                raise ValueError(f"with `oauth2` its tokens are its credentials: take `{name}` away")
            if not signs_in and value is None:
                raise ValueError(f"`{name}` is missing: a reference to the credential, or `none`")
        if self.check and not self.base_url:
            raise ValueError("`check` is a path below `base_url`, which is missing")
        if self.oauth2 is not None and self.oauth2.account.startswith("check.") and not self.check:
            raise ValueError("`account` stands in what `check` answers, and there is no `check`")
        if signs_in and (self.adapter or (self.mcp is not None and self.mcp.command)):
            raise ValueError("`oauth2` is for HTTP APIs and for MCP servers with a `url`")
        return self
