"""Contracts tried on the twins in this process: each request as the gateway renders it, with the twin's answer."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2

from adapters.http.answer import reading_of, response_of
from adapters.sandbox.app import Sandbox
from contracts.action.http_request import HttpRequest, keyed, render_read, render_route
from contracts.action.observation import Observation, Reading
from contracts.compiler.expressions import Fault
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram
from receipts.reconciliation.comparison import evened
from tests.vendors.description import Sent

Step = Literal["before", "write", "after", "refusal"]
_ORG = "acme"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Exchange:
    """What was sent to the twin of a system in a step of its trial, and its answer."""

    kind: str
    sent: Sent
    status: int
    headers: Mapping[str, str]
    body: bytes
    step: Step


@dataclass
class Trial:
    """One contract or plan with one example: its exchanges, and what did not go as it says."""

    program: Program | PlanProgram
    inputs: Mapping[str, Any]
    headers: Mapping[str, str]
    exchanges: list[Exchange] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _said: Mapping[str, object] = field(default_factory=dict)
    _sent: list[tuple[str, HttpRequest]] = field(default_factory=list)

    async def run(self) -> "Trial":
        sandbox = Sandbox()
        transport = httpx2.ASGITransport(app=sandbox, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            self._sandbox, self._client = sandbox, client
            scope = self.program.scope(self.inputs, _ORG, "prod")
            before = await self._look(scope, "before")
            for route in self.program.routes:
                if isinstance(route, HttpProgram):
                    await self._write(route, scope)
            for check in self.program.require:
                self._holds(check.value(scope) is True, f"`require` does not hold: {check.expression.text}")
            if self.program.is_write:
                after = await self._look(scope, "after")
                if before is not None and after is not None:
                    before, after = evened(self.program.reads, before, after)
                    scope |= before.scope("before") | after.scope("after")
                for check in self.program.expect:
                    self._holds(check.value(scope) is True, f"`expect` does not hold: {check.expression.text}")
            for name, template in self.program.outputs:
                value = template.filled({**scope, **self._said})
                self._holds(not isinstance(value, Fault), f"the output `{name}` has no value: {value}")
            await self._refusals()
        return self

    async def look(self) -> "Trial":
        """Make the reads of a plan alone: its steps are contracts."""
        transport = httpx2.ASGITransport(app=Sandbox(), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            self._client = client
            await self._look(self.program.scope(self.inputs, _ORG, "prod"), "before")
        return self

    def _holds(self, held: bool, sentence: str) -> None:
        if not held:
            self.faults.append(sentence)

    async def _look(self, scope: dict[str, object], phase: Literal["before", "after"]) -> Observation | None:
        """Every read, in scope under its name; None where one of them could not be read."""
        readings: dict[str, Reading] = {}
        for read in self.program.reads:
            if not isinstance(read, Read):
                continue
            kind = read.target or self.program.contract.target
            http = render_read(read, _base(kind), scope)
            if isinstance(http, Fault):
                self.faults.append(f"the read `{read.name}` cannot be rendered: {http.sentence}")
                continue
            got = await self._send(phase, kind, http, f"{kind}-read-{_ORG}")
            reading = reading_of(read, kind, got.status, got.headers, got.body, int(time.time() * 1000))
            if isinstance(reading, Fault):
                self.faults.append(reading.sentence)
                continue
            self._holds(reading.value is not None or read.may_be_absent, f"the read `{read.name}` finds nothing")
            readings[read.name] = reading
            scope[f"{phase}.{read.name}"] = reading.value
        return Observation(readings, 0, "separate_credential") if len(readings) == len(self.program.reads) else None

    async def _write(self, route: HttpProgram, scope: dict[str, object]) -> None:
        kind = self.program.contract.target
        http = render_route(route, _base(kind), scope, self.program.absent(self.inputs))
        if isinstance(http, Fault):
            self.faults.append(f"the route cannot be rendered: {http.sentence}")
            return
        http = keyed(http, route.key, "k-1")
        got = await self._send("write", kind, http, f"{kind}-write-{_ORG}")
        answer = response_of(route, got.status, got.headers, got.body, ())
        said = {
            "response.status": answer.status,
            "response.headers": dict(answer.headers),
            "response.body": answer.body,
        }
        self._holds(route.ok.holds({**scope, **said}), f"`ok` does not hold of the twin's answer {answer.status}")
        self._sent.append((kind, http))
        self._said = said

    async def _refusals(self) -> None:
        """What the twin answers to a second write, to those who may not, about nothing, and when it is asked too often."""
        for kind, write in self._sent:
            await self._send("refusal", kind, write, f"{kind}-write-{_ORG}")
            await self._send("refusal", kind, write, f"{kind}-read-{_ORG}")
        fields = self.program.contract.inputs
        other = {n: value if fields[n].enum else _another(n, value) for n, value in self.inputs.items()}
        scope = self.program.scope(other, _ORG, "prod")
        for read in self.program.reads:
            if not isinstance(read, Read):
                continue
            kind = read.target or self.program.contract.target
            http = render_read(read, _base(kind), scope)
            if isinstance(http, HttpRequest):
                await self._send("refusal", kind, http, f"{kind}-read-{_ORG}")
                await self._send("refusal", kind, http, "nobody")
                self._sandbox.faults.append({"system": kind, "fault": "429", "times": 1, "reads": True, "ms": 0})
                await self._send("refusal", kind, http, f"{kind}-read-{_ORG}")
        for route in self.program.routes:
            kind = self.program.contract.target
            if isinstance(route, HttpProgram):
                http = render_route(route, _base(kind), scope, self.program.absent(self.inputs))
                if isinstance(http, HttpRequest):
                    await self._send("refusal", kind, http, f"{kind}-write-{_ORG}")
                    self._sandbox.faults.append({"system": kind, "fault": "429", "times": 1, "ms": 0})
                    await self._send("refusal", kind, http, f"{kind}-write-{_ORG}")

    async def _send(self, step: Step, kind: str, http: HttpRequest, token: str) -> Exchange:
        headers = {**self.headers, **dict(http.headers), "authorization": f"Bearer {token}"}
        answer = await self._client.request(http.method, http.url, headers=headers, content=http.body)
        sent = Sent.of(http.method, http.url, _base(kind), headers, http.body)
        one = Exchange(kind, sent, answer.status_code, dict(answer.headers), answer.content, step)
        self.exchanges.append(one)
        return one


def _base(kind: str) -> str:
    return f"http://127.0.0.1/{_ORG}/{kind}"


def _another(name: str, value: Any) -> Any:
    """A value of the same form that names no record."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 990_000
    if not isinstance(value, str) or _DAY.fullmatch(value):
        return value
    if _UUID.fullmatch(value):
        return str(uuid.uuid5(uuid.UUID(value), name))
    head, tail = value[:-4], value[-4:]
    return head + re.sub(r"[a-z]", "z", re.sub(r"[A-Z]", "Z", re.sub(r"[0-9]", "9", tail)))
