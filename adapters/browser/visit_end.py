"""The end of a visit: how far what was sent got, what was read, and the execution that follows from both."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from contracts.action.dispatch import Dispatch
from contracts.action.observation import Delivery, Execution, Outage, Response
from contracts.compiler.flow_program import FlowRequest


@dataclass(frozen=True, slots=True)
class VisitResult:
    """What became of one visit."""

    delivery: Delivery
    reads: Mapping[str, JsonValue]
    status: int | None
    fault: str | None
    absent: bool
    evidence: Mapping[str, bytes]
    notes: tuple[str, ...]
    outage: Outage | None = None


def unsent(fault: str) -> VisitResult:
    """A visit of which nothing left."""
    return VisitResult("not_sent", {}, None, fault, False, {}, ())


def stopped(fault: str) -> VisitResult:
    """A visit that ended before its commit, at something that the flow does not know."""
    return VisitResult("stopped", {}, None, fault, False, {}, ())


def execution_of(dispatch: Dispatch, started_ms: int, ended_ms: int, identity: str, seen: VisitResult) -> Execution:
    """What became of an order, by what became of its visit."""
    flow = dispatch.rendered
    response = None
    if seen.status is not None:
        response = Response(seen.status, {}, dict(seen.reads), orjson.dumps(seen.reads))
    return Execution(
        route=dispatch.route,
        attempt=dispatch.attempt,
        delivery=seen.delivery,
        started_ms=started_ms,
        ended_ms=ended_ms,
        method=flow.method,
        url=flow.url,
        request_digest=flow.digest,
        response=response,
        fault=seen.fault,
        identity=identity,
        via=f"browser:{flow.program.flow.flow}" if isinstance(flow, FlowRequest) else "browser",
        evidence=seen.evidence,
        notes=seen.notes,
    )
