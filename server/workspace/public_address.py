"""The public address of a gateway: what stands before the path of every link that it makes.

It comes from the settings and from where the gateway listens, and never from a request: whoever sends a header would
choose where other people's links lead.
"""

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from contracts.errors import AilyusError
from server.workspace.hosts import plain_host
from server.workspace.settings.server import ServerPart
from server.workspace.settings.settings import Settings

MCP_PATH: Final = "/mcp"
"""Where agents call; every other path is the console's, but for a few that say how the gateway is."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a listening socket is: an address with its port, or no port where it is a Unix socket."""

    host: str
    port: int | None

    @property
    def is_local(self) -> bool:
        """Does nobody reach it from another machine?"""
        return self.port is None or self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    @property
    def is_every(self) -> bool:
        """Is it every address of this machine?"""
        return self.port is not None and self.host != "localhost" and ipaddress.ip_address(self.host).is_unspecified

    def names(self) -> tuple[str, ...]:
        """The hosts by which a client of this machine asks for it."""
        if self.port is None:
            return ("localhost",)
        local = ("127.0.0.1", "localhost")
        hosts = (
            local
            if self.is_every or self.host == "localhost"
            else (self.host, *(("localhost",) if self.is_local else ()))
        )
        return tuple(plain_host(f"{bracketed(host)}:{self.port}") for host in hosts)


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """Where clients and browsers reach a gateway: an origin each, most often the same, and the path before all paths.

    `names` are the hosts that requests may ask for, `origins` the pages whose requests are taken.
    """

    origin: str
    console_origin: str
    base_path: str
    names: tuple[str, ...]
    origins: tuple[str, ...]

    @property
    def is_https(self) -> bool:
        """Do clients come by HTTPS?"""
        return self.origin.startswith("https:")

    @property
    def mcp(self) -> str:
        """Where agents call."""
        return f"{self.origin}{self.base_path}{MCP_PATH}"

    @property
    def console(self) -> str:
        """What stands before the path of a console's page."""
        return f"{self.console_origin}{self.base_path}"


def public_address(settings: Settings, bound: ListenAddress) -> PublicAddress:
    """The address that the settings give a gateway which listens there. Raises `bad_settings` where it has no name."""
    part, console = settings.server, settings.console.url
    own = bound.names()
    terminated = bool(part.tls_terminated_by)
    if part.certificate or terminated:
        scheme, host = "https", _public_host(part, bound)
    else:
        scheme, host = "http", own[0]
    local = "http" if terminated or scheme == "http" else "https"
    listed = (*part.hosts, *(name.removesuffix(":*") for name in part.hosts if name.endswith(":*")))
    # where TLS may end at a proxy that the settings do not name, either scheme may be the browser's
    schemes = ("https",) if scheme == "https" else ("http", "https")
    return PublicAddress(
        origin=f"{scheme}://{host}",
        console_origin=console or (f"https://{host}" if scheme == "https" else _local_console(bound)),
        base_path=part.base_path,
        names=(*own, *listed),
        origins=(*(f"{local}://{name}" for name in own), *(f"{each}://{name}" for name in listed for each in schemes)),
    )


def bracketed(host: str) -> str:
    """An address as a URL writes it: in brackets where it has colons."""
    return f"[{host}]" if ":" in host else host


def _public_host(part: ServerPart, bound: ListenAddress) -> str:
    """The host of links that go by HTTPS: the first that is named, else the address of our own."""
    if part.hosts:
        name, _, port = part.hosts[0].rpartition(":")
        if port != "*":
            return part.hosts[0]
        # any port of that name: ours, unless somebody stands before us whose port is not known
        return plain_host(f"{name}:{bound.port}") if part.certificate and bound.port is not None else name
    if part.tls_terminated_by or bound.is_every:
        hint = 'under [server] write the name by which they ask, such as `hosts = ["ailyus.example.com"]`'
        raise AilyusError("bad_settings", "no client could ask for this gateway: it has no name", hint=hint)
    return bound.names()[-1] if bound.is_local else bound.names()[0]


def _local_console(bound: ListenAddress) -> str:
    # a name and no address: it has to be an RP id of passkeys
    return "http://localhost" if bound.port is None else f"http://{plain_host(f'localhost:{bound.port}')}"


def host_of(origin: str) -> str:
    """The host of an origin, as a Host header names it."""
    return plain_host(urlsplit(origin).netloc)
