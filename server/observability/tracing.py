"""Traces by OpenTelemetry: one from the call through decision, approval and attempts to the target.

Off unless `[telemetry]` names a collector, and then nothing of it is on the path. Attributes are names that the release
declares, statuses and numbers: never a value that a caller, a target or a person wrote (`ATTRIBUTES` is all of them).
"""

import contextlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types.methods import SPEC_CLIENT_METHODS, SPEC_CLIENT_NOTIFICATION_METHODS
from opentelemetry import context as otel_context
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider

from contracts.action.request import ActionRequest
from policies.approval import Binding
from receipts.action.action import Action

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


_Context = ServerRequestContext[dict[str, object], object]
_on: Tracer | None = None


def use(traces: TracerProvider) -> None:
    """Switch it on, for this process."""
    global _on
    _on = traces.get_tracer("ailyus")


def off() -> None:
    """Switch it off again."""
    global _on
    _on = None


def is_on() -> bool:
    """Is anything traced?"""
    return _on is not None


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Mapping[str, str | int] | None = None
) -> AbstractContextManager[Span | None]:
    """A span under the current one; nothing when it is off."""
    if _on is None:
        return contextlib.nullcontext()
    # an exception's text can hold anything that somebody wrote
    return _on.start_as_current_span(
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
        self._more = frozenset(more)

    async def __call__(self, ctx: _Context, call_next: CallNext) -> HandlerResult:
        """One span for each request, named by its method and, if it is one of ours, its tool."""
        if _on is None:
            return await call_next(ctx)
        named = (ctx.params or {}).get("name")
        tool = named if isinstance(named, str) and self._is_tool(named) else None
        method = known_method(ctx.method, self._more)
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


def known_method(method: str, more: Container[str]) -> str:
    """A method of the protocol, or one of these; `other` for what a client only calls so."""
    known = method in SPEC_CLIENT_METHODS or method in SPEC_CLIENT_NOTIFICATION_METHODS or method in more
    return method if known else "other"


def _incoming(ctx: _Context) -> dict[str, str]:
    meta: Mapping[str, object] = dict(ctx.meta or {})
    headers = getattr(ctx.request, "headers", {})
    found = {name: meta.get(name) or headers.get(name) for name in _TRACE}
    return {name: value for name, value in found.items() if isinstance(value, str) and len(value) <= 512}


@contextmanager
def action_span(action: Action) -> Iterator[list[str]]:
    """One action at work. Whoever carries it puts its status into the list."""
    ended: list[str] = []
    if _on is None:
        yield ended
        return
    request = action.request
    about = {**_about(request), "ailyus.action": action.id}
    with under(request.trace), span(f"action {request.contract}", SpanKind.INTERNAL, about) as own:
        yield ended
        if own is not None:
            own.set_attribute("ailyus.status", ended[-1] if ended else "none")


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
