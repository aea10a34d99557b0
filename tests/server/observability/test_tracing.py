"""One trace for each action, from the caller's own context to the target, and nothing personal in it."""

import gzip
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.cli.seed import SEEDED
from server.observability import metrics as counted
from server.observability import tracing
from server.observability.otlp_meter import OtlpMeter
from server.workspace.free_port import free_port
from tests.web import web
from tests.world import LEO, MARIA, Sandbox, World, app_serving, gateway, make_workspace

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
PERSONAL = ("maria", "leo", "@", "4711", "stolen", "requester", "00u", "lead-two", "example.com")
HELD = {"gen_ai.tool.name", "ailyus.contract", "ailyus.agent", "ailyus.approval.role"}
"""Attributes whose values are names that the release or an admin declares."""


@dataclass
class Seen:
    spans: InMemorySpanExporter
    metrics: InMemoryMetricReader

    def all(self) -> list[ReadableSpan]:
        return list(self.spans.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]


@pytest.fixture
def seen() -> Iterator[Seen]:
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    traces, meters = TracerProvider(), MeterProvider([metrics])
    traces.add_span_processor(SimpleSpanProcessor(spans))
    tracing.use(traces)
    counted.use(OtlpMeter(meters.get_meter("ailyus")))
    yield Seen(spans, metrics)
    tracing.off()
    counted.off()
    traces.shutdown()
    meters.shutdown()


@pytest.fixture
async def traced(tmp_path: Path, sandbox: Sandbox, seen: Seen) -> AsyncIterator[World]:
    async with gateway(make_workspace(tmp_path / "w", sandbox), sandbox) as world:
        yield world


async def call(world: World, tool: str, arguments: dict[str, Any], trace: str = PARENT) -> dict[str, Any]:
    async with world.client() as client:
        result = await client.call_tool(tool, arguments, meta={"traceparent": trace})
        return dict(result.structured_content or {})


def traces_of(spans: list[ReadableSpan]) -> set[str]:
    return {f"{span.context.trace_id:032x}" for span in spans if span.context}


async def test_one_trace_from_the_call_through_the_approval_to_the_target(traced: World, seen: Seen) -> None:
    asked = await call(traced, "reset_user_mfa", MARIA)
    await traced.approve(asked["action_id"])
    ended = await call(traced, "get_action", {"action_id": asked["action_id"], "wait_seconds": 30})
    assert ended["status"] == "confirmed", ended
    own = [span for span in seen.all() if f"{span.context.trace_id:032x}" == TRACE]
    names = {span.name for span in own}
    assert {
        "tools/call reset_user_mfa",
        "action reset_user_mfa",
        "observe",
        "decide",
        "approval",
        "attempt",
        "tools/call get_action",
    } <= names
    assert traces_of(seen.named("action reset_user_mfa") + seen.named("attempt") + seen.named("approval")) == {TRACE}
    by_id = {span.context.span_id: span for span in seen.all()}
    asking, carrying = seen.named("action reset_user_mfa")
    assert by_id[asking.parent.span_id].name == "tools/call reset_user_mfa"
    assert [s.attributes["ailyus.status"] for s in (asking, carrying)] == ["approval_required", "confirmed"]
    (attempt,) = seen.named("attempt")
    assert by_id[attempt.parent.span_id] is carrying
    assert attempt.attributes["http.response.status_code"] == 200
    assert seen.named("decide")[0].attributes["ailyus.decision"] == "approval"
    (sent,) = [entry for entry in traced.sandbox.log("reset_factors") if entry["method"] == "POST"]
    assert sent["traceparent"] == f"00-{TRACE}-{attempt.context.span_id:016x}-01"


async def test_the_context_may_come_in_a_header_and_every_action_has_one_trace(traced: World, seen: Seen) -> None:
    headers = {"authorization": f"Bearer {traced.token}", "accept": "application/json", "traceparent": PARENT}
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "find_user", "arguments": {"email": "maria@example.com"}},
    }
    async with web() as http:
        await http.post(traced.url, json=body, headers=headers)
    assert traces_of(seen.named("action find_user")) == {TRACE}
    seen.spans.clear()
    for _ in range(3):
        await traced.call("find_user", {"email": "leo@example.com"})
    assert len(traces_of(seen.named("action find_user"))) == 3
    assert TRACE not in traces_of(seen.all())


async def test_no_attribute_holds_a_personal_value(traced: World, seen: Seen) -> None:
    await traced.reset()
    await traced.call("unlock_user", {"user_id": LEO["user_id"], "reason": "leo@example.com is locked out"})
    await traced.call("find_user", {"email": "maria@example.com"})
    await traced.call("reset_user_mfa", {**MARIA, "ticket": "maria@example.com"})
    await traced.call("maria@example.com", {"maria": "leo"})
    traced.sandbox.fault("500", "unlock")
    await traced.call("unlock_user", {"user_id": MARIA["user_id"], "reason": "maria cannot get in"})
    assert len(seen.all()) > 20
    for span in seen.all():
        assert set(span.attributes) <= tracing.ATTRIBUTES, span.attributes
        assert not span.events, span.events
        words = [span.name, str(span.status.description or "")]
        words += [str(v) for n, v in span.attributes.items() if n != "ailyus.action"]
        found = [(word, personal) for word in words for personal in PERSONAL if personal in word.lower()]
        assert not found, found
    assert {span.attributes["ailyus.agent"] for span in seen.named("action find_user")} == {SEEDED}


async def test_metrics_by_contract_and_status(traced: World, seen: Seen) -> None:
    await traced.reset()
    data = seen.metrics.get_metrics_data()
    assert data is not None
    points = {
        (metric.name, point.attributes.get("ailyus.contract"), point.attributes.get("ailyus.status"))
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }
    for status in ("approval_required", "confirmed"):
        for name in ("ailyus.actions", "ailyus.action.duration"):
            assert (name, "reset_user_mfa", status) in points


async def test_reads_that_were_not_answered_are_counted_by_connection(traced: World, seen: Seen) -> None:
    traced.sandbox.fault("503", "users", reads=True, times=1)
    assert (await traced.call("reset_user_mfa", MARIA))["status"] == "unavailable"
    data = seen.metrics.get_metrics_data()
    assert data is not None
    (counted,) = [
        (dict(point.attributes), point.value)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "ailyus.reads.unavailable"
        for point in metric.data.data_points
    ]
    assert counted == ({"ailyus.connection": "okta", "ailyus.outage": "target_failed"}, 1)


async def test_off_is_off(world: World) -> None:
    assert not tracing.is_on()
    assert not counted.is_on()
    answer = await call(world, "find_user", {"email": "maria@example.com"})
    action = await world.app.journal.get(answer["action_id"])
    assert action is not None
    assert action.request.trace == ""
    assert len(world.app.gateway.server.middleware) == 2
    assert all(entry["traceparent"] is None for entry in world.sandbox.log())


async def test_a_collector_gets_what_was_traced(tmp_path: Path, sandbox: Sandbox) -> None:
    came: dict[str, bytes] = {}

    async def collect(request: Request) -> Response:
        came[request.url.path] = came.get(request.url.path, b"") + gzip_or_plain(await request.body())
        return Response(b"", media_type="application/x-protobuf")

    port = free_port()
    collector = Starlette(routes=[Route("/v1/{kind}", collect, methods=["POST"])])
    extra = f'\n[telemetry]\nendpoint = "http://127.0.0.1:{port}"\n'
    async with app_serving(collector, port):
        async with gateway(make_workspace(tmp_path / "w", sandbox, extra=extra), sandbox) as world:
            await world.call("find_user", {"email": "maria@example.com"})
        assert not tracing.is_on()
        assert not counted.is_on()
    assert b"action find_user" in came["/v1/traces"]
    assert b"ailyus.actions" in came["/v1/metrics"]
    assert b"maria" not in came["/v1/traces"] + came["/v1/metrics"]


def gzip_or_plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
