"""The part `[server]` of the settings: where the gateway listens, by which names it is asked for, whom it believes."""

import ipaddress
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from contracts.schema.fields import Duration
from server.workspace.hosts import host_fault, plain_host
from server.workspace.settings.part import Measure, SettingsPart

UNIX: Final = "unix"
"""Stands among addresses for whoever connects by the gateway's Unix socket."""
OWN_PATHS: Final = frozenset(
    (
        *(".well-known", "actions", "agents", "approvals", "bookmarks", "connections", "contracts", "design", "enrol"),
        *("escalations", "events", "evidence", "halts", "inbox", "livez", "log", "mcp", "notices", "people", "plans"),
        *("policies", "policy-edits", "questions", "readyz", "receipts", "releases", "roots", "search", "sign-in"),
        *("sign-out", "static"),
    )
)
"""What the gateway's own paths begin with, so that a `base_path` is told from one of them."""


class ServerPart(SettingsPart):
    """Where the gateway listens, and who stands before it.

    `host` and `port`, or a Unix `socket`; a socket that systemd hands over goes before both.
    """

    host: str = "127.0.0.1"
    """The address that it listens on; `0.0.0.0` is every one of this machine."""
    port: int = Field(8420, ge=1, le=65535)
    """The port that it listens on."""
    socket: str = Field("", max_length=100, examples=[".ailyus/http.sock"])
    """A Unix socket in place of address and port."""
    certificate: str = Field("", examples=["tls/cert.pem"])
    """The certificate chain as PEM; with `key` it speaks HTTPS. The file is read again when it changes."""
    key: str = Field("", examples=["tls/key.pem"])
    """The certificate's key as PEM, read again when it changes."""
    base_path: str = Field("", pattern=r"^(/[A-Za-z0-9_~][A-Za-z0-9._~-]{0,63}){0,8}$", examples=["/ailyus"])
    """What stands before every path of a link, behind a proxy that adds it."""
    hosts: tuple[str, ...] = Field((), examples=[["ailyus.example.com"]])
    """The names (`host` or `host:port`) by which clients ask; the first of them stands in every link."""
    forwarded: tuple[str, ...] = Field((), examples=[["10.0.0.5"]])
    """The proxies, by address or network, whose word about a client is taken."""
    tls_terminated_by: tuple[str, ...] = Field((), examples=[["10.0.0.5", "unix"]])
    """The proxies, by address or network, that take HTTPS and pass it on as plain HTTP; nobody else's is taken."""
    rate: Annotated[int, Measure("requests a second")] = Field(100, ge=0, le=100_000)
    """The requests a second of one agent for one person, twice as many in a burst; 0 is without a bound."""
    patience: Duration = 10_000
    """How long a request's body may take to arrive."""
    drain: Duration = Field(0, le=600_000)
    """How long a gateway that ends goes on serving after `/readyz` says so: longer than proxies keep what is idle."""

    @field_validator("host")
    @classmethod
    def _host(cls, host: str) -> str:
        if host == "localhost":
            return host
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            raise ValueError(f"`{host[:100]}` is no address; `0.0.0.0` is every one of this machine") from None

    @field_validator("base_path")
    @classmethod
    def _base_path(cls, path: str) -> str:
        # a proxy may pass the path on with the prefix or without: the gateway takes both, and can tell them apart
        if path and path.split("/")[1] in OWN_PATHS:  # guard: a base path that is told apart
            raise ValueError(f"`{path}` begins like a path of the gateway's own; take another word")
        return path

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if fault := host_fault(host):
                raise ValueError(f"`{host[:100]}` can never be asked for: {fault}")
        return tuple(plain_host(host) for host in hosts)

    @field_validator("forwarded", "tls_terminated_by")
    @classmethod
    def _addresses(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            if address == UNIX:
                continue
            try:
                network = ipaddress.ip_network(address)
            except ValueError as fault:
                raise ValueError(
                    f"a proxy is named by its address, such as `10.0.0.5` or `10.0.0.0/24`: {fault}"
                ) from None
            if not network.prefixlen:  # guard: everybody is no proxy
                raise ValueError(f"`{address}` is every address; name those of the proxies")
        return addresses

    @model_validator(mode="after")
    def _tls(self) -> "ServerPart":
        if bool(self.certificate) is not bool(self.key):
            raise ValueError("`certificate` and `key` belong together: name the file of each")
        if self.certificate and self.tls_terminated_by:
            raise ValueError("`certificate` ends TLS here, and `tls_terminated_by` at a proxy: name one of them")
        return self
