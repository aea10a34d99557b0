"""What `ailyus.toml` says of those who watch a gateway: where metrics are scraped, and how the log is written."""

import ipaddress
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class LogsPart(BaseModel):
    """The log on standard error: from which level on, and as JSON objects or as text for people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class MetricsPart(BaseModel):
    """Where Prometheus scrapes: a `port` of its own, else `/metrics` of the gateway's port, which needs a `token`.

    `token` is a reference to a bearer token. Off loopback plain HTTP is taken from the proxies of `tls_terminated_by`
    (addresses or networks) alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int | None = Field(None, ge=1, le=65535)
    token: str | None = Field(None, pattern=r"^(env|file):.+$")
    tls_terminated_by: tuple[str, ...] = ()

    @field_validator("host")
    @classmethod
    def _host(cls, host: str) -> str:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(f"`{host[:100]}` is no IP address") from None
        return host

    @field_validator("tls_terminated_by")
    @classmethod
    def _proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(f"`{proxy[:100]}` is neither an address nor a network") from None
        return proxies

    @model_validator(mode="after")
    def _reachable(self) -> "MetricsPart":
        if self.port is None and self.token is None:
            raise ValueError("name a `port` of its own, or a `token` for `/metrics` of the gateway's port")
        if self.port is not None and not self.is_loopback and not self.tls_terminated_by:  # guard: metrics off loopback
            raise ValueError(
                f"plain HTTP on `{self.host}` is refused: name the proxies before it in `tls_terminated_by`, "
                'for example ["10.0.0.7", "10.1.0.0/16"]'
            )
        return self

    @property
    def is_loopback(self) -> bool:
        """Is it reached from this machine alone?"""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks of the proxies that end TLS."""
        return tuple(ipaddress.ip_network(proxy) for proxy in self.tls_terminated_by)
