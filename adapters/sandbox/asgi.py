"""The ASGI side of the sandbox: answers, a reply that is cut in the middle, and the lifespan."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson

from adapters.sandbox.system import Json, Request, TwinResponse

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def lifespan(receive: Receive, send: Send) -> None:
    """Answer the server that starts and ends us."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def reply(send: Send, answer: TwinResponse) -> None:
    """Send a whole answer."""
    text = answer.headers.get("content-type", "").startswith("text/")
    body = b"" if answer.body is None else answer.body.encode() if text else orjson.dumps(answer.body)
    headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def cut(send: Send) -> None:
    """Send an answer that ends in the middle."""
    # headers promise a body that never comes: the server then closes the connection
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})


def body_of(headers: Mapping[str, str], body: bytes) -> Json:
    """The JSON of a request, or its form."""
    kind = headers.get("content-type", "json")
    if "x-www-form-urlencoded" in kind:
        return dict(parse_qsl(body.decode()))
    return orjson.loads(body) if body and "json" in kind else {}


def echo(request: Request) -> TwinResponse:
    """A fault that answers with everything that was sent, in four ways: what must not be kept of an answer."""
    sent = orjson.dumps(request.body).decode()
    values = [v for v in request.body.values() if isinstance(v, str)] if isinstance(request.body, dict) else []
    ways = [[v, quote(v, safe=""), base64.b64encode(v.encode()).decode()] for v in values]
    return TwinResponse(
        500, {"error": "internal", "sent": sent, "ways": ways}, {"x-request-id": (values or ["none"])[0]}
    )
