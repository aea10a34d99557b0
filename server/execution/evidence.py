"""What is kept of observations, requests and answers, and what is withheld where a secret passes."""

from dataclasses import replace

import orjson
from pydantic import JsonValue

from contracts.action.http_request import HttpRequest
from contracts.action.mcp_request import McpRequest
from contracts.action.observation import Execution, Observation
from contracts.action.python_request import PythonRequest
from contracts.action.rendered_request import Rendered
from contracts.compiler.check import ABSENT, lookup
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.hiding import Hiding
from receipts.statement.attempt_facts import AttemptFact, ReadFact

WITHHELD = b"(withheld: a secret passed here)"


def seen(observation: Observation) -> dict[str, ReadFact]:
    """Which reads were answered, how and when."""
    return {
        n: ReadFact(status=r.status, at_ms=r.at_ms, request_id=r.request_id) for n, r in observation.readings.items()
    }


def readings(phase: str, observation: Observation) -> dict[str, bytes]:
    """The bodies of an observation, as evidence."""
    return {f"{phase}/{name}": reading.raw for name, reading in observation.readings.items()}


def kept(program: Program, observation: Observation, hiding: Hiding) -> Observation:
    """What may be recorded of an observation: where a secret passes, no body, and digests of what is compared.

    INVARIANT: no value that could be the secret, or the one before it, is kept in clear.
    """
    if not program.secretive:  # guard: no body where nothing was sent
        return observation
    scope = observation.scope("before")
    trees: dict[str, JsonValue] = {}
    for path in program.probed:
        value = lookup(path, scope)
        names = path.split(".")[1:]
        if value is ABSENT or names[0] not in observation.readings:
            continue
        # guard: digests where a secret passes
        value = hiding.but(value, ".".join(names), program.not_secret)  # type: ignore[arg-type]  # a scope holds JSON
        if len(names) == 1:
            trees[names[0]] = value
            continue
        node = trees.setdefault(names[0], {})
        for name in names[1:-1]:
            node = node.setdefault(name, {}) if isinstance(node, dict) else {}
        if isinstance(node, dict):
            node[names[-1]] = value
    kept_readings = {n: replace(r, value=trees.get(n), raw=WITHHELD) for n, r in observation.readings.items()}
    return replace(observation, readings=kept_readings, hiding=hiding)


def kept_health(program: PlanProgram, health: Observation, hiding: Hiding) -> Observation:
    """What may be kept of a plan's health: digests, where a secret passes through one of its steps."""
    if not program.secretive:  # guard: health of a plan with a secret
        return health
    hidden = {
        n: replace(r, value=hiding.but(r.value, n, program.plan.not_secret), raw=WITHHELD)
        for n, r in health.readings.items()
    }
    return replace(health, readings=hidden, hiding=hiding)


def request_evidence(http: Rendered) -> dict[str, bytes]:
    """The request, the flow or the call as it was rendered; handles stand where secrets went."""
    if isinstance(http, McpRequest):
        called = {"server": http.server, "tool": http.tool, "definition": http.definition}
        return {"request": orjson.dumps(called), "request/body": http.body}
    if isinstance(http, PythonRequest):
        asked = {"connection": http.connection, "operation": http.operation}
        return {"request": orjson.dumps(asked), "request/body": http.body}
    if not isinstance(http, HttpRequest):
        said = {"flow": http.program.flow.flow, "digest": http.program.digest, "pages": http.base_url}
        return {"request": orjson.dumps(said), "request/body": orjson.dumps(http.said)}
    head = orjson.dumps({"method": http.method, "url": http.url, "headers": [list(h) for h in http.headers]})
    return {"request": head, "request/body": http.body}


def response_evidence(execution: Execution, secretive: bool) -> bytes:
    """The answer's body, or why there is none."""
    if execution.response is None:
        return (execution.fault or "").encode()
    return WITHHELD if secretive else execution.response.raw  # guard: no body where a secret passes


def attempt_of(execution: Execution, secretive: bool) -> AttemptFact:
    """One attempt as it stands in an outcome."""
    response = execution.response
    fact = AttemptFact(
        attempt=execution.attempt,
        route=execution.route,
        delivery=execution.delivery,
        method=execution.method,
        request_digest=execution.request_digest,
        status=response.status if response else None,
        fault=execution.fault,
        started_ms=execution.started_ms,
        ended_ms=execution.ended_ms,
        idempotency_key=execution.idempotency_key,
        request_id=response.request_id if response and not secretive else None,
        identity=execution.identity,
        via=execution.via,
    )
    return fact.model_copy(update={"notes": execution.notes}) if execution.notes else fact
