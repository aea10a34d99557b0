"""OpenTelemetry: one trace from the call through decision, approval and attempts to the target; metrics by contract.

Off unless `[telemetry]` names a collector, and then nothing of it is on the path. Attributes are names that the release
declares, statuses and numbers: never a value that a caller, a target or a person wrote (`ATTRIBUTES` is all of them).
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types.methods import SPEC_CLIENT_METHODS, SPEC_CLIENT_NOTIFICATION_METHODS
from opentelemetry import context as otel_context
from opentelemetry.metrics import Counter, Histogram, MeterProvider
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider

from contracts.action.request import ActionRequest
from contracts.errors import AilyusError
from policies.approval import Binding
from receipts.action.action import Action
from server.workspace.settings import TelemetryPart

ATTRIBUTES = frozenset(
    {
        "mcp.method.name",
        "mcp.protocol.version",
        "gen_ai.operation.name",
        "gen_ai.tool.name",
        "ailyus.contract",
        "ailyus.version",
        "ailyus.kind",
        "ailyus.risk",
        "ailyus.agent",
        "ailyus.action",
        "ailyus.connection",
        "ailyus.outage",
        "ailyus.status",
        "ailyus.decision",
        "ailyus.approval.verdict",
        "ailyus.approval.role",
        "ailyus.attempt",
        "ailyus.route",
        "ailyus.delivery",
        "http.response.status_code",
        "error.type",
    }
)
_TRACE = ("traceparent", "tracestate")
"""W3C Trace Context, in `_meta` (SEP-414) or in the headers of the request."""


@dataclass(frozen=True, slots=True)
class _Instruments:
    tracer: Tracer
    actions: Counter
    seconds: Histogram
    unavailable: Counter


_Context = ServerRequestContext[dict[str, object], object]
_on: _Instruments | None = None


def use(traces: TracerProvider, metrics: MeterProvider) -> None:
    """Switch it on, for this process."""
    global _on
    meter = metrics.get_meter("ailyus")
    _on = _Instruments(
        traces.get_tracer("ailyus"),
        meter.create_counter("ailyus.actions", "{action}", "Actions that were carried, by contract and status."),
        meter.create_histogram("ailyus.action.duration", "s", "How long a call was carried, by contract and status."),
        meter.create_counter("ailyus.reads.unavailable", "{read}", "Reads that were not answered, by connection."),
    )


def off() -> None:
    """Switch it off again."""
    global _on
    _on = None


def is_on() -> bool:
    """Is anything traced?"""
    return _on is not None


def export(settings: TelemetryPart) -> Callable[[], None]:
    """Switch it on towards a collector (OTLP over HTTP); returns what sends the rest and ends it."""
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider as Metrics
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as Traces
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        hint = "install it with its extra: `ailyus[telemetry]`"
        raise AilyusError("bad_settings", "[telemetry] needs OpenTelemetry's SDK", hint=hint) from None
    resource = Resource.create({"service.name": "ailyus"})
    base = settings.endpoint.rstrip("/")
    traces = Traces(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces")))
    metrics = Metrics([PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics"))], resource)
    use(traces, metrics)

    def end() -> None:
        off()
        traces.shutdown()
        metrics.shutdown()

    return end


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Mapping[str, str | int] | None = None
) -> AbstractContextManager[Span | None]:
    """A span under the current one; nothing when it is off."""
    if _on is None:
        return contextlib.nullcontext()
    # an exception's text can hold anything that somebody wrote
    return _on.tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    )


@contextmanager
def under(trace: str) -> Iterator[None]:
    """What follows belongs to this trace (a `traceparent`), unless it is in one already or there is none."""
    if _on is None or not trace or carrier():
        yield
        return
    token = otel_context.attach(extract({"traceparent": trace}))
    try:
        yield
    finally:
        otel_context.detach(token)


def carrier() -> str:
    """The `traceparent` of the current span; empty outside of any."""
    if _on is None:
        return ""
    found: dict[str, str] = {}
    inject(found)
    return found.get("traceparent", "")


def outgoing() -> dict[str, str]:
    """The headers that carry the current span to a target; none when it is off."""
    found = carrier()
    return {"traceparent": found} if found else {}


class Calls:
    """The MCP server's outermost middleware: the caller's trace context goes on here. Only while it is on."""

    def __init__(self, is_tool: Callable[[str], bool], more: Iterable[str]) -> None:
        """`more`: methods of extensions that are named beside those of the protocol."""
        self._is_tool = is_tool
        self._methods = frozenset((*SPEC_CLIENT_METHODS, *SPEC_CLIENT_NOTIFICATION_METHODS, *more))

    async def __call__(self, ctx: _Context, call_next: CallNext) -> HandlerResult:
        """One span for each request, named by its method and, if it is one of ours, its tool."""
        if _on is None:
            return await call_next(ctx)
        named = (ctx.params or {}).get("name")
        tool = named if isinstance(named, str) and self._is_tool(named) else None
        method = ctx.method if ctx.method in self._methods else "other"
        token = otel_context.attach(extract(_incoming(ctx)))
        attributes = {"mcp.method.name": method, "mcp.protocol.version": ctx.protocol_version}
        if tool:
            attributes |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
        try:
            with span(f"{method} {tool}" if tool else method, SpanKind.SERVER, attributes) as own:
                try:
                    return await call_next(ctx)
                except Exception as fault:
                    if own is not None:
                        own.set_attribute("error.type", type(fault).__name__)
                        own.set_status(StatusCode.ERROR)
                    raise
        finally:
            otel_context.detach(token)


def _incoming(ctx: _Context) -> dict[str, str]:
    meta: Mapping[str, object] = dict(ctx.meta or {})
    headers = getattr(ctx.request, "headers", {})
    found = {name: meta.get(name) or headers.get(name) for name in _TRACE}
    return {name: value for name, value in found.items() if isinstance(value, str) and len(value) <= 512}


def unavailable(connection: str, outage: str) -> None:
    """Count a read that was not answered."""
    if _on is not None:
        _on.unavailable.add(1, {"ailyus.connection": connection, "ailyus.outage": outage})


@contextmanager
def action_span(action: Action) -> Iterator[list[str]]:
    """One action at work: its span, and what is counted. Whoever carries it puts its status into the list."""
    ended: list[str] = []
    if _on is None:
        yield ended
        return
    instruments, begun = _on, time.perf_counter()
    request = action.request
    about = {**_about(request), "ailyus.action": action.id}
    with under(request.trace), span(f"action {request.contract}", SpanKind.INTERNAL, about) as own:
        yield ended
        said = {"ailyus.contract": request.contract, "ailyus.status": ended[-1] if ended else "none"}
        if own is not None:
            own.set_attribute("ailyus.status", said["ailyus.status"])
        instruments.actions.add(1, said)
        instruments.seconds.record(time.perf_counter() - begun, said)


@contextmanager
def approval(action: Action, binding: Binding) -> Iterator[None]:
    """A person's decision, in the trace of the call that asked for it."""
    said = {"ailyus.approval.verdict": binding.verdict, "ailyus.approval.role": binding.role}
    with under(action.request.trace), span("approval", SpanKind.INTERNAL, {**_about(action.request), **said}):
        yield


def _about(request: ActionRequest) -> dict[str, str | int]:
    return {
        "ailyus.contract": request.contract,
        "ailyus.version": request.version,
        "ailyus.kind": request.kind,
        "ailyus.risk": request.risk,
        "ailyus.agent": request.agent,
    }
