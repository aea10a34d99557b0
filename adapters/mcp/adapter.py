"""Tools of upstream MCP servers as reads and routes: called as the contract pinned them, or not at all."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import orjson
import structlog
from pydantic import JsonValue

from adapters.credentials.placement import placed, revealed
from adapters.decoding import Undecodable, decode
from adapters.delivery import DeliveryReport, delivery_of
from adapters.mcp.pool import Servers
from adapters.mcp.sessions import UpstreamSession
from adapters.mcp.stream_budget import Loss, Lost
from contracts.action.dispatch import Dispatch, Gate
from contracts.action.mcp_request import McpRequest, render_mcp
from contracts.action.observation import Delivery, Execution, Reading, ReadOutage, Response, credential_outage
from contracts.action.resolver import Resolver
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.read_program import McpRead
from contracts.compiler.route_program import McpProgram
from contracts.errors import AilyusError

if TYPE_CHECKING:
    from mcp_types import CallToolResult, InputRequiredResult

log = structlog.get_logger()
_ASKED = "the server asked for what only a client with a person could give"


class McpAdapter:
    """Reads and executes by upstream tools for one release. Sessions outlive the release, a stop does not.

    INVARIANT: a tool whose definition is not the pinned one is stopped for the rest of this release, whatever the
    server says later: only who releases the contract again has looked at it.
    """

    def __init__(self, release: Resolver, gate: Gate, now_ms: Callable[[], int], servers: Servers) -> None:
        self._release = release
        self._gate = gate
        self._now_ms = now_ms
        self._servers = servers
        self._stopped: set[tuple[str, str, str]] = set()

    async def read(
        self, read: McpRead, target: Target, person: str, scope: Mapping[str, object], deadline: float
    ) -> Reading | Fault:
        """One read by a tool, with the read credential, before the deadline (seconds of the monotonic clock)."""
        request = render_mcp(read, target.name, scope)
        if isinstance(request, Fault):
            return request
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                result = await self._asked(target, person, request)
                if isinstance(result, Fault):
                    return result
        except Lost as lost:
            sentence = f"`{read.name}` could not be read: {lost.sentence}"
            return ReadOutage(sentence, "credential_refused" if lost.refused else "unreachable", target.name)
        except AilyusError as error:
            is_credential = error.code in ("no_credential", "not_connected")
            outage = credential_outage(error.code) if is_credential else "unreachable"
            return ReadOutage(error.sentence, outage, target.name)
        except TimeoutError:
            sentence = f"`{read.name}` could not be read: the server did not answer in time"
            return ReadOutage(sentence, "unreachable", target.name)
        seen = _seen(result)
        if isinstance(seen, Fault):
            return Fault(f"`{read.name}` could not be read: {seen.sentence}")
        if seen.pop("is_error"):
            return Fault(f"`{read.name}` could not be read: the tool answered with an error")
        return Reading(read.name, 200, seen, orjson.dumps(seen), self._now_ms())

    async def execute(self, dispatch: Dispatch) -> Execution:
        """Make exactly the order's call, once. Whatever is not certain after it began is `in_doubt`."""
        request = dispatch.rendered
        ending = DeliveryReport(dispatch, "mcp", self._now_ms(), self._now_ms)
        program = self._release.catalog.programs[dispatch.request.contract]
        route, target = program.routes[dispatch.route], self._release.target(dispatch.request)
        if not isinstance(route, McpProgram) or not isinstance(request, McpRequest):
            raise AilyusError("internal", "the order is not for a tool")
        if target is None or target.digest != dispatch.target_digest or target.name != request.server:
            return ending.unsent("the target instance is not the one that the order names")
        identity, left = target.principal, dispatch.deadline_monotonic - time.monotonic()
        sent = False
        try:
            async with asyncio.timeout(max(0.0, left)):
                # guard: tools are compared before each write
                upstream, changed = await self._ready(target, dispatch.request.person, target.write, request, now=True)
                if changed:
                    return ending.of("stopped", identity=identity, fault=changed)
                secrets = await revealed(self._gate, dispatch)
                _, body = placed({"content-type": "application/json"}, request.body, secrets)
                # INVARIANT: the last question before the first byte: used, fence, epoch, deadline.
                if reason := self._gate.enter(dispatch):  # guard: the gate before a tool
                    return ending.of("not_sent", identity=identity, fault=reason)
                sent = True
                result = await upstream.call(request.tool, orjson.loads(body))
        except AilyusError as error:
            return ending.of("not_sent", identity=identity, fault=error.sentence)
        except Lost as lost:
            if lost.refused:  # the next write has it read again; this one is over
                self._servers.credentials.doubt(target.write, dispatch.request.person)
            delivery: Delivery = "refused" if lost.refused else "in_doubt" if sent else "not_sent"
            return ending.of(delivery, identity=identity, fault=lost.sentence)
        except TimeoutError:
            fault = "the server did not answer in time"
            return ending.of("in_doubt" if sent else "not_sent", identity=identity, fault=fault)
        seen = _seen(result)
        if isinstance(seen, Fault):
            return ending.of("in_doubt", identity=identity, fault=seen.sentence)
        response = Response(200, {}, seen, orjson.dumps(seen))
        delivery = delivery_of(program, route, target, dispatch, response)
        return ending.of(delivery, identity=identity, response=response)

    async def _asked(
        self, target: Target, person: str, request: McpRequest
    ) -> "CallToolResult | InputRequiredResult | Fault":
        """One read. A server that no longer knows the session is asked once more, in a new one."""
        for last in (False, True):
            since = time.monotonic()
            try:
                upstream, changed = await self._ready(target, person, target.read, request, now=False)
                if changed:
                    return Fault(changed)
                return await upstream.call(request.tool, request.arguments)
            except Lost as lost:
                if last or not await self._may_ask_again(lost, target, person, since):
                    raise
        raise AilyusError("internal", "a read was neither answered nor lost")

    async def _may_ask_again(self, lost: Lost, target: Target, person: str, since: float) -> bool:
        if lost.refused:
            self._servers.credentials.doubt(target.write, person)  # both are often renewed together
            return await self._servers.credentials.is_renewed(target.read, since, person)
        return lost.loss is Loss.FORGOTTEN

    async def _ready(
        self, target: Target, person: str, reference: str, request: McpRequest, *, now: bool
    ) -> tuple[UpstreamSession, str | None]:
        """A session whose tools were looked at, and why the tool may not be called. Raises `Lost`.

        A session that the server no longer knows is followed by another at once: nothing was sent in it.
        """
        try:
            upstream = await self._servers.of(target, person, reference)
            return upstream, await self._changed(upstream, target, request, now=now)
        except Lost as lost:
            if lost.loss is not Loss.FORGOTTEN:
                raise
        upstream = await self._servers.of(target, person, reference)
        return upstream, await self._changed(upstream, target, request, now=now)

    async def _changed(
        self, upstream: UpstreamSession, target: Target, request: McpRequest, *, now: bool
    ) -> str | None:
        """Why this tool may not be called, or None: it is defined as it was when the contract was released."""
        key = (target.digest, request.tool, request.definition)
        if key not in self._stopped:
            pins = await upstream.definitions(now=now)
            if pins.get(request.tool) == request.definition:  # guard: pinned tools
                return None
            self._stopped.add(key)  # guard: a stopped tool stays stopped
            log.warning("tool_changed", connection=target.name, listed=request.tool, hint="ailyus contract import-mcp")
        return f"the tool `{request.tool}` of `{target.name}` is not the one that was released"


def _seen(result: "CallToolResult | InputRequiredResult") -> dict[str, JsonValue] | Fault:
    """What expressions see of a result: `is_error`, `text`, `data` (structured content, or the text if it is JSON)."""
    from mcp_types import CallToolResult, TextContent

    if not isinstance(result, CallToolResult):
        return Fault(_ASKED)
    text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
    try:
        raw = orjson.dumps(result.structured_content) if result.structured_content is not None else text.encode()
    except (TypeError, ValueError):  # a number of 65 bits, say: the SDK reads it, and no value of ours is one
        return Fault("the answer holds what is no value of ours")
    data: JsonValue = None
    if raw[:1] in (b"{", b"["):
        try:
            data = decode(raw, "json", ())
        except Undecodable:
            data = None
    if "\0" in text:
        return Fault("the answer holds NUL characters")
    return {"is_error": bool(result.is_error), "text": text, "data": data}
