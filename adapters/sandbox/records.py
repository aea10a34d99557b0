"""A plain REST store with versions, conditional requests and idempotency keys: what a well-made internal API offers."""

from adapters.sandbox.plain_refusals import forbidden as forbidden
from adapters.sandbox.plain_refusals import missing
from adapters.sandbox.plain_refusals import unauthorized as unauthorized
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()


def seed() -> Json:
    """One record."""
    return {"records": {"r1": {"id": "r1", "version": "1", "value": "old", "events": []}}, "keys": {}}


@router.on("GET", "/records/{record}")
def get_record(state: Json, request: Request, record: str) -> TwinResponse:
    """Get a record."""
    found = state["records"].get(record)
    return TwinResponse(200, found) if found else missing()


@router.on("PUT", "/records/{record}")
def put_record(state: Json, request: Request, record: str) -> TwinResponse:
    """Change a record's value; honours If-Match."""
    found = state["records"].get(record)
    if not found:
        return missing()
    if "if-match" in request.headers and request.headers["if-match"] != found["version"]:
        return TwinResponse(412, {"error": "precondition_failed"})
    found["value"] = request.body["value"]
    found["version"] = str(int(found["version"]) + 1)
    return TwinResponse(200, found)


@router.on("DELETE", "/records/{record}")
def delete_record(state: Json, request: Request, record: str) -> TwinResponse:
    """Delete a record."""
    return TwinResponse(204) if state["records"].pop(record, None) else missing()


@router.on("POST", "/records/{record}/events")
def add_event(state: Json, request: Request, record: str) -> TwinResponse:
    """Append an event; the same Idempotency-Key appends once."""
    found = state["records"].get(record)
    if not found:
        return missing()
    key = request.headers.get("idempotency-key")
    if key and key in state["keys"]:
        return TwinResponse(200, state["keys"][key])
    event = {"id": len(found["events"]) + 1, "name": request.body["name"]}
    found["events"].append(event)
    if key:
        state["keys"][key] = event
    return TwinResponse(201, event)
