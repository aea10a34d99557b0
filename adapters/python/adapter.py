"""Adapters in Python as reads and routes: their own code, in a process of its own, called once."""

import asyncio
import time
from collections.abc import Callable, Mapping

import orjson

from adapters.credentials.placement import placed, revealed
from adapters.decoding import Undecodable, decode
from adapters.delivery import DeliveryReport, delivery_of
from adapters.python.host import Call
from adapters.python.pool import Hosts
from contracts.action.dispatch import Dispatch, Gate
from contracts.action.observation import Execution, Outage, Reading, ReadOutage, Response
from contracts.action.python_request import PythonRequest, render_python
from contracts.action.resolver import Resolver
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.read_program import PythonRead
from contracts.compiler.route_program import PythonProgram
from contracts.errors import AilyusError

_ENDS = {
    "not_sent": "the adapter says that nothing was sent",
    "refused": "the target refused the credential",
    "failed": "the adapter failed",
    "lost": "the adapter did not answer in time",
}
_OUTAGES: Mapping[str, Outage] = {
    "not_sent": "unreachable",
    "refused": "credential_refused",
    "failed": "target_failed",
    "lost": "unreachable",
}


class PythonAdapter:
    """Reads and executes by adapters in Python for one release. Their processes outlive the release."""

    def __init__(self, release: Resolver, gate: Gate, now_ms: Callable[[], int], hosts: Hosts) -> None:
        self._release = release
        self._gate = gate
        self._now_ms = now_ms
        self._hosts = hosts

    async def read(
        self, read: PythonRead, target: Target, scope: Mapping[str, object], deadline: float
    ) -> Reading | Fault:
        """One read with the read credential, before the deadline (seconds of the monotonic clock)."""
        request = render_python(read, target.name, scope)
        if isinstance(request, Fault):
            return request
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                if target.plugin is not None and target.separate_reader:
                    self._hosts.warm(target, target.write)  # a write may follow: it should not wait for a start
                since, call = time.monotonic(), Call("read", request.operation, request.arguments, deadline)
                answer = await self._hosts.ask(target, target.read, call)
                if answer.end == "refused" and await self._is_renewed(target, since):
                    answer = await self._hosts.ask(target, target.read, call)
        except AilyusError as error:
            outage: Outage = "no_credential" if error.code == "no_credential" else "unreachable"
            return ReadOutage(error.sentence, outage, target.name)
        except TimeoutError:
            return ReadOutage(f"`{read.name}` could not be read: {_ENDS['lost']}", "unreachable", target.name)
        if answer.end != "answer":
            sentence = f"`{read.name}` could not be read: {_ENDS[answer.end]}"
            return ReadOutage(sentence, _OUTAGES.get(answer.end, "target_failed"), target.name)
        raw = orjson.dumps(answer.value)
        try:
            value = decode(raw, "json", ())
        except Undecodable:
            return Fault(f"`{read.name}` could not be read: the answer holds NUL characters")
        return Reading(read.name, 404 if value is None else 200, value, raw, self._now_ms())

    async def execute(self, dispatch: Dispatch) -> Execution:
        """Make exactly the order's call, once. What is not certain after it began is `in_doubt`."""
        request, ending = dispatch.rendered, DeliveryReport(dispatch, "python", self._now_ms(), self._now_ms)
        program = self._release.catalog.programs[dispatch.request.contract]
        route, target = program.routes[dispatch.route], self._release.target(dispatch.request)
        if not isinstance(route, PythonProgram) or not isinstance(request, PythonRequest):
            raise AilyusError("internal", "the order is not for an adapter in Python")
        if target is None or target.digest != dispatch.target_digest or target.name != request.connection:
            return ending.unsent("the target instance is not the one that the order names")
        identity, sent = target.principal, False
        try:
            async with asyncio.timeout(max(0.0, dispatch.deadline_monotonic - time.monotonic())):
                await self._hosts.of(target, target.write)
                secrets = await revealed(self._gate, dispatch)
                _, body = placed({"content-type": "application/json"}, request.body, secrets)
                # INVARIANT: the last question before the first byte: used, fence, epoch, deadline.
                if reason := self._gate.enter(dispatch):  # guard: the gate before an adapter
                    return ending.of("not_sent", identity=identity, fault=reason)
                arguments, key = orjson.loads(body), dispatch.idempotency_key
                call = Call("write", request.operation, arguments, dispatch.deadline_monotonic, key)
                sent = True
                answer = await self._hosts.ask(target, target.write, call)
        except AilyusError as error:
            return ending.of("in_doubt" if sent else "not_sent", identity=identity, fault=error.sentence)
        except TimeoutError:
            return ending.of("in_doubt" if sent else "not_sent", identity=identity, fault=_ENDS["lost"])
        if answer.end == "refused":  # the next write has it read again; this one is over
            self._hosts.credentials.doubt(target.write)
        if answer.end == "not_sent" or answer.end == "refused":
            return ending.of(answer.end, identity=identity, fault=_ENDS[answer.end])
        if answer.end != "answer":
            return ending.of("in_doubt", identity=identity, fault=_ENDS[answer.end])
        raw = orjson.dumps(answer.value)
        try:
            response = Response(200, {}, decode(raw, "json", ()), raw)
        except Undecodable:
            return ending.of("in_doubt", identity=identity, fault="the answer holds NUL characters")
        delivery = delivery_of(program, route, target, dispatch, response)
        return ending.of(delivery, identity=identity, response=response)

    async def _is_renewed(self, target: Target, since: float) -> bool:
        self._hosts.credentials.doubt(target.write)  # both are often renewed together
        return await self._hosts.credentials.is_renewed(target.read, since)
