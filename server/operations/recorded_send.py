"""The record of a send: its last attempt and what came back, read from the signed outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson
from pydantic import JsonValue

from adapters.decoding import Undecodable, decode
from contracts.action.observation import Delivery, Execution, Response
from contracts.compiler.program import Program
from contracts.compiler.route_program import HttpProgram
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.log.signing import Envelope
from receipts.statement import entries
from receipts.statement.evidence import of_send
from receipts.store.store import Store
from receipts.tables import intents
from server.execution.evidence import WITHHELD


@dataclass(frozen=True, slots=True)
class RecordedSend:
    """What is recorded of the send: the last attempt, the time that was read back, and outputs that were kept."""

    execution: Execution
    settle_ms: int
    outputs: Mapping[str, JsonValue]


async def recorded_send(store: Store, action: Action, program: Program) -> RecordedSend | None:
    """The last send of an action, out of its signed outcome; None where nothing is recorded of one."""
    outcome, settle_ms = await entries.last_outcome(store, action.id), await intents.settle_ms(store, action.id)
    if outcome is None or settle_ms is None:
        return None
    envelope = Envelope.decode(outcome.envelope)
    # INVARIANT 8: the row beside it may have been edited, the signed bytes have not
    if not store.keys.holds(envelope, outcome.leaf_index):
        raise AilyusError("store_corrupt", f"the signed outcome of `{action.id}` does not hold")
    attempts = orjson.loads(envelope.payload)["predicate"].get("attempts")
    if not attempts:
        return None
    evidence = await of_send(store, outcome.leaf_index)
    outputs = orjson.loads(evidence.get("outputs", b"{}"))
    execution = _attempt(program, attempts[-1], evidence.get("response", b""))
    page = f"page/{execution.attempt}/"
    pictures = {label.removeprefix(page): data for label, data in evidence.items() if label.startswith(page)}
    return RecordedSend(replace(execution, evidence=pictures), settle_ms, outputs)


def _attempt(program: Program, facts: Mapping[str, JsonValue], raw: bytes) -> Execution:
    """The recorded attempt, with the answer as the contract reads it, where one is kept."""
    route, status, delivery = facts["route"], facts["status"], facts["delivery"]
    index = route if isinstance(route, int) and route < len(program.routes) else 0
    key, ended, request_id = facts.get("idempotencyKey"), facts.get("endedMs"), facts.get("requestId")
    attempt = facts.get("attempt")
    response = None
    if isinstance(status, int):
        named = request_id if isinstance(request_id, str) else None
        response = Response(status, {}, _body(program, index, raw), raw, named)
    return Execution(
        index,
        attempt if isinstance(attempt, int) else 1,
        _delivery(delivery),
        0,
        ended if isinstance(ended, int) else 0,
        str(facts.get("method")),
        "",
        str(facts.get("requestDigest")),
        response,
        keyed=isinstance(key, str),
        via=str(facts.get("via")),
    )


def _delivery(value: JsonValue) -> Delivery:
    known: dict[str, Delivery] = {"answered": "answered", "rejected": "rejected", "refused": "refused"}
    return known.get(str(value), "in_doubt")


def _body(program: Program, index: int, raw: bytes) -> JsonValue:
    route = program.routes[index]
    if not raw or raw == WITHHELD:
        return None
    form, lists = (route.decode, route.lists) if isinstance(route, HttpProgram) else ("json", ())
    try:
        return decode(raw, "xml" if form == "xml" else "json", lists)
    except Undecodable:
        return None
