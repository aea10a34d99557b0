"""The sandbox server: `/<org>/<system>/…` plays the vendors' APIs, `/_sandbox/…` sets faults and shows what happened.

Raw ASGI, because a lost reply needs to end a connection in the middle of an answer.
"""

import asyncio
import copy
import os
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qsl, unquote

import orjson

from adapters.sandbox import (
    apikeys,
    backoffice,
    billing,
    crm,
    entra,
    github,
    google,
    integrations,
    intercom,
    okta,
    quickbooks,
    records,
    salesforce,
    slack,
    xero,
    zendesk,
)
from adapters.sandbox.asgi import Receive, Scope, Send, body_of, cut, echo, lifespan, reply
from adapters.sandbox.system import Json, Request, TwinResponse

SYSTEMS: dict[str, ModuleType] = {
    "okta": okta,
    "entra": entra,
    "google": google,
    "zendesk": zendesk,
    "records": records,
    "apikeys": apikeys,
    "integrations": integrations,
    "slack": slack,
    "intercom": intercom,
    "github": github,
    "crm": crm,
    "billing": billing,
    "backoffice": backoffice,
    "quickbooks": quickbooks,
    "salesforce": salesforce,
    "xero": xero,
}
ORGS = ("acme", "acme-staging", "globex")
FAULTS = (
    "lost_reply",  # the effect happens, the answer is cut
    "lost_request",  # the connection ends before anything happens
    "late_effect",  # the answer is cut, the effect happens `ms` later
    "lying_200",  # 200, and nothing happens
    "lying_success",  # the vendor's own answer to what succeeded, and nothing happens
    "eventual",  # reads show the state from before the last change until `ms` after it
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
        self._changed: dict[tuple[str, str], float] = {}
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
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
            await reply(send, self._control(scope["method"], path.removeprefix("/_sandbox"), body))
        elif len(parts) == 4 and parts[1] in ORGS and parts[2] in SYSTEMS:
            await self._play(scope, parts[1], parts[2], "/" + parts[3], body, send)
        else:
            await reply(send, TwinResponse(404, {"error": "no such system"}))

    async def _play(self, scope: Scope, org: str, system: str, path: str, body: bytes, send: Send) -> None:
        module = SYSTEMS[system]
        headers = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
        token = headers.get("authorization", "").rpartition(" ")[2]
        query = dict(parse_qsl(scope["query_string"].decode()))
        writer = token == f"{system}-write-{org}"
        base = f"http://{headers.get('host', '')}/{org}/{system}"
        content = body_of(headers, body)
        request = Request(scope["method"], path, query, headers, content, writer, self.state[org], base)
        fault = self._fault(system, request)
        entry = {"org": org, "system": system, "method": request.method, "path": path, "writer": writer}
        entry |= {"fault": fault["fault"] if fault else None, "status": None, "effect": False}
        entry["traceparent"] = headers.get("traceparent")
        self.log.append(entry)
        if not writer and token != f"{system}-read-{org}":
            answer = module.unauthorized()
        elif not writer and not _reads(module, request):
            answer = module.forbidden()
        else:
            await self._with_fault(org, system, request, fault, entry, send)
            return
        entry["status"] = answer.status
        await reply(send, answer)

    async def _with_fault(self, org: str, system: str, request: Request, fault: Json, entry: Json, send: Send) -> None:
        kind = fault["fault"] if fault else ""
        if kind in ("429", "500", "503"):
            entry["status"] = int(kind)
            if kind == "429":
                return await reply(send, _throttled(SYSTEMS[system]))
            return await reply(send, TwinResponse(int(kind), {"error": "unavailable"}))
        if kind == "refuse":
            entry["status"] = 403
            return await reply(send, SYSTEMS[system].forbidden())
        if kind == "echo":
            entry["status"] = 500
            return await reply(send, echo(request))
        if kind == "lying_200":
            entry["status"] = 200
            return await reply(send, TwinResponse(200, {}))
        if kind == "lying_success":
            answer = self._pretended(org, system, request)
            entry["status"] = answer.status
            return await reply(send, answer)
        if kind == "lost_request":
            return await cut(send)
        if kind == "late_effect":
            asyncio.get_running_loop().call_later(fault["ms"] / 1000, self._apply, org, system, request, entry)
            return await cut(send)
        if kind == "slow":
            await asyncio.sleep(fault["ms"] / 1000)
        since = time.monotonic() - self._changed.get((org, system), 0.0)
        stale = kind == "stale_read" or (kind == "eventual" and since * 1000 < fault["ms"])
        answer = self._apply(org, system, request, entry, stale)
        if kind == "lost_reply":
            return await cut(send)
        if kind == "hang_after_effect":
            return await asyncio.sleep(fault.get("ms", 60_000) / 1000)
        if kind == "retrying_proxy":
            second = TwinResponse(503, None) if request.method == "POST" else self._apply(org, system, request, entry)
            entry["status"] = second.status
            return await reply(send, second)
        await reply(send, answer)
        return None

    def _apply(self, org: str, system: str, request: Request, entry: Json, stale: bool = False) -> TwinResponse:
        state = self.state[org][system]
        if stale and _reads(SYSTEMS[system], request):
            state = self._stale.get((org, system), state)
        found = SYSTEMS[system].router.find(request.method, request.path)
        if found is None:
            return TwinResponse(404, {"error": "no such path"})
        handler, parameters = found
        before = copy.deepcopy(state) if request.method != "GET" else None
        answer = handler(state, request, **parameters)
        entry["status"] = answer.status
        module, plain = SYSTEMS[system], {"x-request-id": f"req-{self._count + 1}"}
        named = {**(module.headers() if hasattr(module, "headers") else plain), **answer.headers}
        if before is not None and before != state:
            entry["effect"] = True
            if hasattr(module, "audit"):  # the vendor's own log of who changed what
                module.audit(before, state, request, named)
            self._stale[org, system] = before
            self._changed[org, system] = time.monotonic()
            self._save()
        self._count += 1
        return TwinResponse(answer.status, answer.body, named)

    def _pretended(self, org: str, system: str, request: Request) -> TwinResponse:
        """What would be answered, on a copy of everything."""
        state = copy.deepcopy(self.state[org])
        found = SYSTEMS[system].router.find(request.method, request.path)
        if found is None:
            return TwinResponse(404, {"error": "no such path"})
        answer: TwinResponse = found[0](state[system], replace(request, org=state), **found[1])
        return answer

    def _fault(self, system: str, request: Request) -> dict[str, Json] | None:
        for fault in self.faults:
            fits = fault["system"] == system and fault.get("match", "") in request.path
            read = _reads(SYSTEMS[system], request)
            of_reads = fault["fault"] in ("stale_read", "eventual") or fault.get("reads", False)
            if fits and fault["times"] > 0 and read is of_reads:
                fault["times"] -= fault["fault"] != "eventual"  # which lasts until it is taken away
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


def _reads(module: ModuleType, request: Request) -> bool:
    """Only looks: a GET, or a POST by which the vendor has its records searched."""
    return request.method == "GET" or request.path in getattr(module, "READS", ())


def _throttled(module: ModuleType) -> TwinResponse:
    """A vendor's own answer to too many requests, or a plain one; after a second it may be asked again."""
    own: TwinResponse = (
        module.throttled() if hasattr(module, "throttled") else TwinResponse(429, {"error": "unavailable"})
    )
    return TwinResponse(429, own.body, own.headers or {"retry-after": "1"})
