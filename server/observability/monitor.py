"""The monitor of one gateway: everything that runs only because somebody watches, and the way to read it.

`App` makes one. Without `[metrics]` and `[telemetry]` it does nothing at all.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from adapters.credentials.cache import Credentials
from contracts.errors import AilyusError
from policies.release import Release
from policies.run_plan_schema import RUN_PLAN
from server.listener.http_server import serving
from server.observability import metrics
from server.observability.credential_expiry import CredentialExpiry
from server.observability.gauges import GatewayParts, Gauges
from server.observability.loop_lag import LoopLag
from server.observability.metrics_endpoint import MetricsEndpoint, MetricsToken
from server.observability.recorder import Recorder
from server.observability.store_sample import StoreSampler
from server.workspace.settings.observability import MetricsPart
from server.workspace.settings.settings import Settings


class Monitor:
    """Counts, measures and samples while the gateway runs; `endpoint` is None where nobody scrapes."""

    def __init__(self, settings: Settings, credentials: Credentials, version: str) -> None:
        self._part = settings.metrics
        self._recorders: list[Recorder] = []
        self._end: Callable[[], None] | None = None
        self._listener: socket.socket | None = None
        self.endpoint: MetricsEndpoint | None = None
        about = {"service.name": "ailyus", "service.version": version}
        if settings.metrics is not None:
            # imported by whoever watches, and by nobody else: it takes 60 ms
            from server.observability.openmetrics import OpenMetrics

            part = settings.metrics
            token = MetricsToken(credentials, part.token) if part.token is not None else None
            kept = OpenMetrics({name.replace(".", "_"): value for name, value in about.items()})
            self._recorders.append(kept)
            self.endpoint = MetricsEndpoint(kept.page, part, token)
        if settings.telemetry is not None:
            from server.observability.telemetry import export

            telemetry = export(settings.telemetry, about)
            self._recorders.append(telemetry.meter)
            self._end = telemetry.end
        self.certificate_ends: Callable[[], float | None] = lambda: None
        """Told by whoever serves TLS; asked again and again, since a certificate is renewed while it is served."""
        self._lag = LoopLag()
        self._sampler: StoreSampler | None = None
        self._expiry: CredentialExpiry | None = None
        self._credentials = credentials

    async def start(self, parts: GatewayParts) -> None:
        """Watch these parts from now on. Raises `AilyusError` where the port of its own is taken."""
        if not self._recorders:
            return
        if self._part is not None and self._part.port is not None:
            self._listener = _listener(self._part, self._part.port)
        store = parts.journal.store
        self._sampler = StoreSampler(store)
        self._expiry = CredentialExpiry(self._credentials, lambda: parts.release().targets.values())
        sampler, expiry = self._sampler, self._expiry
        gauges = Gauges(parts, lambda: sampler.latest, lambda: expiry.states, lambda: self.certificate_ends())
        for recorder in self._recorders:
            for metric, source in gauges.sources.items():
                recorder.read(metric, source)
        store.watch = metrics.record_group
        metrics.use(*self._recorders)
        self.declare(parts.release())
        await self._sampler.start()
        await self._expiry.start()
        self._lag.start()

    def declare(self, release: Release) -> None:
        """The contracts and connections that there are from now on."""
        known = release.catalog
        metrics.declare_series((*known.programs, *known.plans, RUN_PLAN), release.targets)

    async def stop(self) -> None:
        """Watch no longer; what a collector is still to get is sent."""
        if not self._recorders:
            return
        await self._lag.stop()
        if self._sampler is not None:
            await self._sampler.stop()
        if self._expiry is not None:
            await self._expiry.stop()
        if self._listener is not None:
            self._listener.close()
        if self._end is not None:
            await asyncio.to_thread(self._end)
        metrics.off()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer on the port of its own, if it has one."""
        if self._listener is None or self.endpoint is None:
            yield
            return
        async with serving(self.endpoint, [self._listener], "off", grace=0.0):
            yield

    def mount(self, app: ASGIApp) -> ASGIApp:
        """An application of the gateway's port, with `/metrics` before it where that is read there."""
        return self.endpoint.mount(app) if self.endpoint is not None else app


def _listener(part: MetricsPart, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in part.host else socket.AF_INET
    try:
        return socket.create_server((part.host, port), family=family)
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        hint = "set another `port` under [metrics] in ailyus.toml"
        raise AilyusError("bad_settings", f"metrics cannot be served on port {port}: {reason}", hint=hint) from None
