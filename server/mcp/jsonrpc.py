"""JSON-RPC messages that are looked at before the SDK: keys named twice, `initialize`, a session that is not found."""

import asyncio
from collections.abc import Mapping

import orjson
from pydantic import JsonValue
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from contracts.text.repeated_keys import repeated_key
from contracts.text.visible_text import visible

ASIDE_BYTES = 64 * 1024
"""A body that is larger is looked at in a thread."""


async def repeated_key_error(body: bytes) -> Response | None:
    """The answer to a body that names a key twice: whoever looks at the call may read another value than we would."""
    key = repeated_key(body) if len(body) <= ASIDE_BYTES else await asyncio.to_thread(repeated_key, body)
    if key is None:
        return None
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:  # no JSON after all: its own parser says so
        return None
    given = message.get("id") if isinstance(message, dict) else None
    sentence = f"the request names the key `{visible(key[:100])}` twice; write each key once"
    said = {"jsonrpc": "2.0", "id": given, "error": {"code": -32600, "message": sentence}}
    return Response(orjson.dumps(said), 400, media_type="application/json")


def declared_elicitation(body: bytes) -> Mapping[str, JsonValue] | None:
    """What the client of an `initialize` declares of elicitation; None for every other message."""
    if b'"initialize"' not in body:
        return None
    try:
        message = orjson.loads(body)
        if message["method"] != "initialize":
            return None
        declared = message["params"]["capabilities"].get("elicitation")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return None
    return declared if isinstance(declared, dict) else {}


async def session_not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """What makes a client open a new session (MCP 2025-11-25, Session Management)."""
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Session not found"}}
    await Response(orjson.dumps(error), 404, media_type="application/json")(scope, receive, send)
