"""Every way to reach target systems as one adapter: looks side by side, and acts by the way that the order names."""

import asyncio
from collections.abc import Mapping

from adapters.browser.adapter import BrowserAdapter
from adapters.http.adapter import HttpAdapter
from adapters.mcp.adapter import McpAdapter
from adapters.python.adapter import PythonAdapter
from contracts.action.dispatch import Dispatch, ReadPermit
from contracts.action.mcp_request import McpRequest
from contracts.action.observation import Channel, Execution, Observation, Reading, ReadOutage
from contracts.action.python_request import PythonRequest
from contracts.action.request import ActionRequest
from contracts.action.resolver import Resolver
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.flow_program import FlowRequest
from contracts.compiler.program import Program
from contracts.compiler.read_program import AnyRead, FlowRead, McpRead, PythonRead
from contracts.compiler.route_program import BrowserProgram, HttpProgram, McpProgram


class AdapterRouter:
    """The adapter of one release."""

    def __init__(
        self, release: Resolver, http: HttpAdapter, browser: BrowserAdapter, mcp: McpAdapter, python: PythonAdapter
    ) -> None:
        self._release = release
        self._http = http
        self._browser = browser
        self._mcp = mcp
        self._python = python

    async def close(self) -> None:
        """Give connections back. Browser, MCP sessions and adapters' processes stay warm: the gateway's."""
        await self._http.close()

    async def observe(self, look: ReadPermit) -> Observation:
        """Every declared read, side by side. One that is not answered makes it no observation.

        Its time is when the look began: what was written after that may not have been seen.
        """
        began = self._http.now_ms()
        release, request = self._release, look.request
        program, target = release.readable(request.contract), release.target(request)
        if target is None:
            return Observation({}, began, "same_channel", fault="no such connection")
        scope = program.scope(request.params, target.tenant, target.environment)
        declared = program.reads
        if look.job and isinstance(program, Program) and program.job is not None:
            declared, scope = (*declared, *program.job.reads), {**scope, "job.id": look.job}
        reads = [self.read(read, target, request.person, scope, look.deadline_monotonic) for read in declared]
        results = [await reads[0]] if len(reads) == 1 else await asyncio.gather(*reads)
        channel = channel_of(program.reads, target)
        readings: dict[str, Reading] = {}
        for result in results:
            if isinstance(result, Fault):
                outage = result if isinstance(result, ReadOutage) else None
                return Observation(readings, began, channel, fault=result.sentence, outage=outage)
            readings[result.name] = result
        missing = any(r.status == 404 and not p.may_be_absent for p, r in zip(declared, readings.values(), strict=True))
        return Observation(readings, began, channel, missing=missing)

    async def lacks(self, request: ActionRequest, route: int) -> ReadOutage | None:
        """Why nothing could be sent by this route: its credential gives no value.

        An MCP server gets its credentials when it starts, so what it lacks shows at the look.
        """
        program = self._release.catalog.programs[request.contract]
        target, acted = self._release.target(request), program.routes[route]
        if target is None or isinstance(acted, McpProgram):
            return None
        ui = target.ui if isinstance(acted, BrowserProgram) else None
        reference = target.write if ui is None else ui.login
        if lack := await self._http.lacks(target, reference, request.person):
            return lack
        used_up = isinstance(acted, HttpProgram) and self._http.is_used_up(program, acted, target, request.person)
        return used_up or None  # guard: no intent over a limit that is used up

    async def execute(self, dispatch: Dispatch) -> Execution:
        """Send exactly what the order names, once, by its route."""
        if isinstance(dispatch.rendered, FlowRequest):
            return await self._browser.execute(dispatch)
        if isinstance(dispatch.rendered, McpRequest):
            return await self._mcp.execute(dispatch)
        if isinstance(dispatch.rendered, PythonRequest):
            return await self._python.execute(dispatch)
        return await self._http.execute(dispatch)

    async def read(
        self, read: AnyRead, target: Target, person: str, scope: Mapping[str, object], deadline: float
    ) -> Reading | Fault:
        """One read for a person, before the deadline (seconds of the monotonic clock)."""
        beside = self._release.beside(target, read.target)
        if beside is None:
            return Fault(f"no connection of kind `{read.target}` stands beside `{target.name}`")
        if isinstance(read, FlowRead):
            return await self._browser.read(read, beside, scope, deadline)
        if isinstance(read, McpRead):
            return await self._mcp.read(read, beside, person, scope, deadline)
        if isinstance(read, PythonRead):
            return await self._python.read(read, beside, scope, deadline)
        return await self._http.read(read, beside, scope, deadline, person)


def channel_of(reads: tuple[AnyRead, ...], target: Target, program: Program | None = None, route: int = 0) -> Channel:
    """Who observed, as seen from the route that acted (the API, where there was none).

    What was done in pages and is read by the API, or the other way round, is read with another credential. An MCP
    server that reads back what it did itself is the same channel, whatever the credential.
    """
    own = [read for read in reads if read.target == target.kind]
    if not own:
        return "separate_system"
    acted = program.routes[route] if program is not None and program.routes else None
    if isinstance(acted, McpProgram):
        return "same_channel" if any(isinstance(read, McpRead) for read in own) else "separate_credential"
    by_browser = isinstance(acted, BrowserProgram)
    same_way = [read for read in own if isinstance(read, FlowRead) is by_browser and not isinstance(read, McpRead)]
    separate = bool(target.ui and target.ui.read_login) if by_browser else target.separate_reader
    return "same_channel" if same_way and not separate else "separate_credential"
