"""The sandbox server: `/<org>/<system>/…` plays the vendors' APIs, `/_sandbox/…` sets faults and shows what happened.

Raw ASGI, because a lost reply needs to end a connection in the middle of an answer.
"""

import asyncio
import base64
import copy
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import orjson

from adapters.sandbox import apikeys, backoffice, crm, ledger, okta, records, slack, zendesk
from adapters.sandbox.system import Json, Request, TwinResponse

SYSTEMS: dict[str, ModuleType] = {
    "okta": okta,
    "zendesk": zendesk,
    "records": records,
    "apikeys": apikeys,
    "slack": slack,
    "crm": crm,
    "ledger": ledger,
    "backoffice": backoffice,
}
ORGS = ("acme", "acme-staging", "globex")
FAULTS = (
    "lost_reply",  # the effect happens, the answer is cut
    "lost_request",  # the connection ends before anything happens
    "late_effect",  # the answer is cut, the effect happens `ms` later
    "lying_200",  # 200, and nothing happens
    "stale_read",  # reads show the state from before the last change, `times` reads long
    "429",
    "500",
    "503",
    "refuse",  # 403
    "retrying_proxy",  # the effect happens, then a proxy sends the request again (503 where it may not)
    "slow",  # answers after `ms`
    "hang_after_effect",  # the effect happens, the answer never comes
    "echo",  # 500, and the answer holds everything that was sent, in four ways
)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Sandbox:
    """All orgs and systems, their faults and the log of every request."""

    def __init__(self, state_file: Path | None = None) -> None:
        self._file = state_file
        self.state: Json = {org: {name: system.seed() for name, system in SYSTEMS.items()} for org in ORGS}
        if state_file and state_file.exists():
            self.state = orjson.loads(state_file.read_bytes())
        self.faults: list[dict[str, Json]] = []
        self.log: list[dict[str, Json]] = []
        self.notices: list[Json] = []
        self._stale: dict[tuple[str, str], Json] = {}
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # a request that never became whole has no effect
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        path = unquote(scope["path"])
        parts = path.split("/", 3)
        if parts[1] == "_sandbox":
            await _reply(send, self._control(scope["method"], path.removeprefix("/_sandbox"), body))
        elif len(parts) == 4 and parts[1] in ORGS and parts[2] in SYSTEMS:
            await self._play(scope, parts[1], parts[2], "/" + parts[3], body, send)
        else:
            await _reply(send, TwinResponse(404, {"error": "no such system"}))

    async def _play(self, scope: Scope, org: str, system: str, path: str, body: bytes, send: Send) -> None:
        module = SYSTEMS[system]
        headers = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
        token = headers.get("authorization", "").rpartition(" ")[2]
        query = dict(parse_qsl(scope["query_string"].decode()))
        writer = token == f"{system}-write-{org}"
        request = Request(scope["method"], path, query, headers, _body(headers, body), writer, self.state[org])
        fault = self._fault(system, request)
        entry = {"org": org, "system": system, "method": request.method, "path": path, "writer": writer}
        entry |= {"fault": fault["fault"] if fault else None, "status": None, "effect": False}
        entry["traceparent"] = headers.get("traceparent")
        self.log.append(entry)
        if not writer and token != f"{system}-read-{org}":
            answer = module.unauthorized()
        elif not writer and request.method != "GET":
            answer = module.forbidden()
        else:
            await self._with_fault(org, system, request, fault, entry, send)
            return
        entry["status"] = answer.status
        await _reply(send, answer)

    async def _with_fault(self, org: str, system: str, request: Request, fault: Json, entry: Json, send: Send) -> None:
        kind = fault["fault"] if fault else ""
        if kind in ("429", "500", "503"):
            entry["status"] = int(kind)
            headers = {"retry-after": "1"} if kind == "429" else {}
            return await _reply(send, TwinResponse(int(kind), {"error": "unavailable"}, headers))
        if kind == "refuse":
            entry["status"] = 403
            return await _reply(send, SYSTEMS[system].forbidden())
        if kind == "echo":
            entry["status"] = 500
            return await _reply(send, _echo(request))
        if kind == "lying_200":
            entry["status"] = 200
            return await _reply(send, TwinResponse(200, {}))
        if kind == "lost_request":
            return await _cut(send)
        if kind == "late_effect":
            asyncio.get_running_loop().call_later(fault["ms"] / 1000, self._apply, org, system, request, entry)
            return await _cut(send)
        if kind == "slow":
            await asyncio.sleep(fault["ms"] / 1000)
        answer = self._apply(org, system, request, entry, stale=kind == "stale_read")
        if kind == "lost_reply":
            return await _cut(send)
        if kind == "hang_after_effect":
            return await asyncio.sleep(fault.get("ms", 60_000) / 1000)
        if kind == "retrying_proxy":
            second = TwinResponse(503, None) if request.method == "POST" else self._apply(org, system, request, entry)
            entry["status"] = second.status
            return await _reply(send, second)
        await _reply(send, answer)
        return None

    def _apply(self, org: str, system: str, request: Request, entry: Json, stale: bool = False) -> TwinResponse:
        state = self.state[org][system]
        if request.method == "GET" and stale:
            state = self._stale.get((org, system), state)
        found = SYSTEMS[system].router.find(request.method, request.path)
        if found is None:
            return TwinResponse(404, {"error": "no such path"})
        handler, parameters = found
        before = copy.deepcopy(state) if request.method != "GET" else None
        answer = handler(state, request, **parameters)
        entry["status"] = answer.status
        if before is not None and before != state:
            entry["effect"] = True
            self._stale[org, system] = before
            self._save()
        self._count += 1
        return TwinResponse(answer.status, answer.body, {"x-request-id": f"req-{self._count}", **answer.headers})

    def _fault(self, system: str, request: Request) -> dict[str, Json] | None:
        for fault in self.faults:
            fits = fault["system"] == system and fault.get("match", "") in request.path
            read = request.method == "GET"
            if fits and fault["times"] > 0 and read is (fault["fault"] == "stale_read" or fault.get("reads", False)):
                fault["times"] -= 1
                return fault
        return None

    def _control(self, method: str, path: str, body: bytes) -> TwinResponse:
        data = orjson.loads(body) if body else {}
        match (method, path):
            case ("POST", "/faults"):
                if data.get("fault") not in FAULTS or data.get("system") not in SYSTEMS:
                    return TwinResponse(400, {"error": f"expected system and fault, one of {', '.join(FAULTS)}"})
                self.faults.append({"times": 1, "ms": 500, **data})
                return TwinResponse(201, {"faults": len(self.faults)})
            case ("DELETE", "/faults"):
                self.faults.clear()
                return TwinResponse(204)
            case ("GET", "/log"):
                return TwinResponse(200, self.log)
            case ("DELETE", "/log"):
                self.log.clear()
                return TwinResponse(204)
            case ("POST", "/oncall"):  # whoever is on call, for the gateway's escalations
                self.notices.append(data)
                return TwinResponse(204)
            case ("GET", "/oncall"):
                return TwinResponse(200, self.notices)
            case ("DELETE", "/oncall"):
                self.notices.clear()
                return TwinResponse(204)
            case ("GET", "/secrets"):  # every secret that an issuer ever made, for tests that look for leaks
                return TwinResponse(200, apikeys.MADE)
            case ("GET", "/state"):
                return TwinResponse(200, self.state)
            case ("PUT", "/state"):
                self.state = data
                self._save()
                return TwinResponse(204)
            case _:
                return TwinResponse(404, {"error": "no such control"})

    def _save(self) -> None:
        if self._file:
            temporary = self._file.with_suffix(".new")
            temporary.write_bytes(orjson.dumps(self.state))
            os.replace(temporary, self._file)


def _body(headers: Mapping[str, str], body: bytes) -> Json:
    return orjson.loads(body) if body and "json" in headers.get("content-type", "json") else {}


def _echo(request: Request) -> TwinResponse:
    sent = orjson.dumps(request.body).decode()
    values = [v for v in request.body.values() if isinstance(v, str)] if isinstance(request.body, dict) else []
    ways = [[v, quote(v, safe=""), base64.b64encode(v.encode()).decode()] for v in values]
    return TwinResponse(
        500, {"error": "internal", "sent": sent, "ways": ways}, {"x-request-id": (values or ["none"])[0]}
    )


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _reply(send: Send, answer: TwinResponse) -> None:
    page = answer.headers.get("content-type", "").startswith("text/html")
    body = b"" if answer.body is None else answer.body.encode() if page else orjson.dumps(answer.body)
    headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def _cut(send: Send) -> None:
    # headers promise a body that never comes: the server then closes the connection
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})


def _end_with_parent() -> None:
    """Exit when whoever started this process is gone: its end of our standard input closes."""
    sys.stdin.buffer.read()
    os._exit(0)


def serve(port: int, state_file: Path | None, watch_stdin: bool) -> None:
    """Run the sandbox on 127.0.0.1 until it is ended; port 0 picks a free one and prints it."""
    import socket

    import uvicorn

    listener = socket.create_server(("127.0.0.1", port))
    print(f"sandbox http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    if watch_stdin:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    config = uvicorn.Config(Sandbox(state_file), log_level="critical", access_log=False, lifespan="on")
    uvicorn.Server(config).run(sockets=[listener])
