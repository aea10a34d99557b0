"""Telemetry: what a collector of OpenTelemetry is sent, traces and metrics, by the SDK, which is an extra."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.errors import AilyusError
from server.observability import tracing
from server.observability.otlp_meter import OtlpMeter
from server.workspace.settings.observability import TelemetryPart


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What records metrics for the collector, and what sends the rest and ends it."""

    meter: OtlpMeter
    end: Callable[[], None]


def export(settings: TelemetryPart, about: dict[str, str]) -> Telemetry:
    """Switch traces on and make a meter, both towards a collector (OTLP over HTTP)."""
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        hint = "install it with its extra: `ailyus[telemetry]`"
        raise AilyusError("bad_settings", "[telemetry] needs OpenTelemetry's SDK", hint=hint) from None
    resource = Resource.create(dict(about))
    base = settings.endpoint.rstrip("/")
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces")))
    metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics"))], resource)
    tracing.use(traces)

    def end() -> None:
        tracing.off()
        traces.shutdown()
        metrics.shutdown()

    return Telemetry(OtlpMeter(metrics.get_meter("ailyus")), end)
