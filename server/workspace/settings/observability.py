"""`[logs]`, `[metrics]` and `[telemetry]`: how the log is written, where metrics are scraped, where traces go."""

import ipaddress
from typing import Literal

from pydantic import Field, field_validator, model_validator

from server.workspace.settings.part import Reference, SettingsPart

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class LogsPart(SettingsPart):
    """The log on standard error: from which level on, and as JSON objects or as text for people."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is written."""
    format: Literal["json", "text"] = "json"
    """One JSON object a line, or text for people."""


class MetricsPart(SettingsPart):
    """Where Prometheus scrapes: a `port` of its own, else `/metrics` of the gateway's port, which needs a `token`."""

    host: str = "127.0.0.1"
    """The address that its own port listens on."""
    port: int | None = Field(None, ge=1, le=65535, examples=[9464])
    """A port of its own; without it metrics are at `/metrics` of the gateway's."""
    token: Reference | None = Field(None, examples=["env:METRICS_TOKEN"])
    """The bearer token that a scraper must bring, by reference."""
    tls_terminated_by: tuple[str, ...] = Field((), examples=[["10.0.0.7", "10.1.0.0/16"]])
    """The proxies, by address or network, from which plain HTTP is taken off loopback; nobody else's is."""

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


class TelemetryPart(SettingsPart):
    """The OpenTelemetry collector that traces and metrics go to (OTLP over HTTP)."""

    endpoint: str = Field(pattern=r"^https?://[^\s?#]+$", examples=["http://127.0.0.1:4318"])
    """The collector's address, without `/v1/...`."""
