"""The MCP server: one choke point for every tool call, both protocol eras, on the SDK's low-level server.

`Gateway.call_tool` is the one entrance for tool calls. It establishes whose call it is, hands it to
`ActionRunner.call`, and puts the answer into the words of the protocol; `get_action` and `find_receipts` it answers
itself. `App` makes one and serves what `app` gives. It is not where policy is decided, and not where people approve: an
answer that comes by an agent's own client is never an approval.

- A caller MUST find its own actions and receipts only; a foreign id is not found (invariant 9).
- The text of an unexpected exception MUST NOT reach a client.
- The state of a waiting call that a client keeps MUST be sealed to tool, arguments, principal and deployment.
- A list of tools depends on who asks, and MUST be marked as private to that caller.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import mcp_types as types
import structlog
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from pydantic import JsonValue
from starlette.types import ASGIApp

from contracts.action.request import Caller, ToolCall
from contracts.compiler.inputs import InputSchema
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from server.actions.runner import ANSWER_WITHIN, ActionRunner
from server.approvals.inbox import Inbox
from server.identity.agents import Agents
from server.mcp.action_state import ActionStates
from server.mcp.admission import Admission
from server.mcp.built_in_tools import FIND_RECEIPTS, GET_ACTION
from server.mcp.callers import Callers
from server.mcp.endpoint import HttpEndpoint
from server.mcp.instructions import INSTRUCTIONS
from server.mcp.low_level_server import LowLevelServer, shielded
from server.mcp.pending_result import REQUEST, Result, add_links, result_of, to_task, waiting_result
from server.mcp.receipt_search import search_receipts
from server.mcp.resources import ReceiptResources
from server.mcp.session_ids import SessionIds
from server.mcp.subscriptions import ToolSubscriptions
from server.mcp.tasks import METHODS, Context, Task, serve_tasks
from server.mcp.tools import is_tool, schema_of, tools_for
from server.mcp.transport import apps_of
from server.observability import metrics, tracing
from server.results import answers
from server.workspace.public_address import PublicAddress
from server.workspace.settings.server import ServerPart

CALLER_KEY = "dev.ailyus/caller-key"
"""The key in `_meta` by which a caller tells two equal calls apart on purpose."""
STATE_SECONDS = 86_400.0
"""How long a client may keep the state of a call that waits for people."""
log = structlog.get_logger()

_GET_ACTION = InputSchema.compile(GET_ACTION.input_schema, {})
_FIND_RECEIPTS = InputSchema.compile(FIND_RECEIPTS.input_schema, {})


class Gateway:
    """Handlers of one MCP server over the live release. `console` is what stands before the path of a page."""

    def __init__(
        self,
        runner: ActionRunner,
        agents: Agents,
        inbox: Inbox,
        console: Callable[[], str],
        version: str,
        origin: str,
    ) -> None:
        self._runner = runner
        self._agents = agents
        self._inbox = inbox
        self._console = console
        self.callers = Callers(agents)
        self._states = ActionStates(runner)
        self.subscriptions = ToolSubscriptions()
        self.receipts = ReceiptResources(runner, self.callers.of)
        self.server = LowLevelServer(
            "ailyus",
            version=version,
            title="Ailyus",
            instructions=INSTRUCTIONS,
            # the SDK validates neither arguments nor results: the contract's own parser does, at step 1
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,  # type: ignore[arg-type] # a task is a result of an extension
            on_subscriptions_listen=self.subscriptions.listen,
            # without it the SDK lists all tools at every call of the modern era, to find the one schema
            get_tool_input_schema=self._input_schema,
        )
        self.receipts.serve(self.server)
        serve_tasks(self.server, self)
        self.server.add_notification_handler(
            "notifications/initialized", types.NotificationParams, self.subscriptions.opened
        )
        handles = runner.journal.handles
        # the state of a call that waits goes with the client, sealed to tool, arguments, principal and deployment
        security = RequestStateSecurity(keys=[handles.derived(b"ailyus-request-state")], ttl=STATE_SECONDS)
        # guard: sealed state of a call, text of exceptions
        self.server.middleware[:] = [shielded, RequestStateBoundary(security, default_audience=origin)]
        self._ids = SessionIds(handles.derived(b"ailyus-mcp-session"))

    def app(self, address: PublicAddress, console: ASGIApp, settings: ServerPart) -> HttpEndpoint:
        """The ASGI application: `/mcp` for agents with a token, the console for people."""
        shared = self._runner.journal.store.shared
        # a replica has no live sessions, so that nobody could be told what was promised
        self.server.tells = not shared
        self.server.website_url = address.console
        # the server's own, for all of its tools: an icon on each would cost more than two tools, and no model sees it
        self.server.icons = [types.Icon(src=f"{address.console}/static/icon.svg", mime_type="image/svg+xml")]
        if tracing.is_on():
            self.server.middleware.insert(0, tracing.Calls(lambda name: is_tool(self._runner.release, name), METHODS))
        return HttpEndpoint(
            apps_of(self.server, address, sessions=not shared),
            console,
            self._agents,
            Admission(settings.rate, settings.patience / 1000),
            self._ids,
            self._agents.metadata(address),
        )

    async def tools_changed(self) -> None:
        """Tell every client that listens, in either era, to list the tools anew."""
        await self.subscriptions.tools_changed()

    def close(self) -> None:
        """End every stream that listens, as the protocol says."""
        self.subscriptions.close()

    async def list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """The tools of this caller; the list depends on who asks."""
        tools = tools_for(self._runner.release, await self.callers.of(ctx))
        return types.ListToolsResult(tools=tools, cache_scope="private")

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        """Every call comes through here. Nothing of an unexpected fault reaches the client."""
        begun, told = time.perf_counter(), ["error"]
        try:
            return await self._call(ctx, params, told)
        except MCPError:
            raise
        except AilyusError as error:
            answer = answers.invalid(error, params.name)
            told.append(answer.status)
        except Exception:  # the text of an exception would leak to the client otherwise
            log.exception("tool_fault", tool=self._tool(params.name))
            answer = answers.invalid(AilyusError("internal", "the gateway met a fault of its own"), "the tool")
            told.append(answer.status)
        finally:
            metrics.record_call(self._tool(params.name), told[-1], time.perf_counter() - begun)
        return result_of(answer, ctx.protocol_version)

    def _tool(self, name: str) -> str:
        """A tool's name; `other` for what an agent only calls so."""
        return name if is_tool(self._runner.release, name) else metrics.OTHER

    async def _call(self, ctx: Context, params: types.CallToolRequestParams, told: list[str]) -> Result:
        """`told` gets the status that the answer tells."""
        caller = await self.callers.of(ctx)
        arguments: Mapping[str, object] = params.arguments or {}
        if params.name in (GET_ACTION.name, FIND_RECEIPTS.name):
            # as with every read: an agent may say why, although nobody asks
            arguments = {name: value for name, value in arguments.items() if name != "reason"}
        if params.name == GET_ACTION.name:
            given = _GET_ACTION.parse(arguments)
            wait = given["wait_seconds"]
            wait_ms = wait * 1000 if isinstance(wait, int) else 0
            answer = await self._states.within(caller, str(given["action_id"]), wait_ms)
            return self._form(ctx, answer, told)
        if params.name == FIND_RECEIPTS.name:
            answer = await search_receipts(self.receipts, caller, _FIND_RECEIPTS.parse(arguments))
            return self._form(ctx, answer, told)
        begun_ms = self._runner.journal.store.now_ms()
        if params.request_state is not None:
            answer = await self._resume_call(caller, params.request_state, params.input_responses or {})
        else:
            answer = await self._perform(ctx, caller, params, arguments)
        if answer.status not in ("approval_required", "running"):
            return self._form(ctx, answer, told)
        told.append(answer.status)
        answer = add_links(answer, self._console())
        action = await self._runner.journal.get(answer.action_id or "")
        asked_before = params.request_state is not None or (action is not None and action.created_ms < begun_ms)
        return waiting_result(ctx, answer, action, asked_before=asked_before)

    def _form(self, ctx: Context, answer: ActionResult, told: list[str]) -> types.CallToolResult:
        told.append(answer.status)
        return result_of(add_links(answer, self._console()), ctx.protocol_version)

    async def _resume_call(self, caller: Caller, action_id: str, responses: Mapping[str, Any]) -> ActionResult:
        """The client opened the page, or did not. What its user clicked there is not the approval: the journal is."""
        opened = responses.get(REQUEST)
        wait = ANSWER_WITHIN if getattr(opened, "action", None) == "accept" else 0.0
        return await self._states.within(caller, action_id, int(wait * 1000))

    async def _perform(
        self, ctx: Context, caller: Caller, params: types.CallToolRequestParams, arguments: Mapping[str, object]
    ) -> ActionResult:
        key = (ctx.meta or {}).get(CALLER_KEY) if ctx.meta else None
        call = ToolCall(name=params.name, arguments=arguments, caller_key=key[:200] if isinstance(key, str) else None)
        reports: list[asyncio.Task[None]] = []
        token = (ctx.meta or {}).get("progress_token") if ctx.meta else None

        def begun(action: Action) -> None:
            if token is not None:
                reports.append(asyncio.create_task(self._states.report(ctx, action.id)))

        try:
            return await self._runner.call(call, caller, begun)
        finally:
            for report in reports:
                report.cancel()

    async def task(self, ctx: Context, task_id: str) -> Task | None:
        """The caller's own action, as a task."""
        action = await self._states.own(await self.callers.of(ctx), task_id)
        return to_task(ctx, add_links(await self._states.so_far(action), self._console()), action) if action else None

    async def answer(self, ctx: Context, task_id: str, responses: Mapping[str, JsonValue]) -> None:
        """Nothing: an answer that comes by the agent's own client is never an approval."""

    async def cancel(self, ctx: Context, task_id: str) -> None:
        """End what waits for people, or a plan at its next step; what is on its way out goes on to its end."""
        try:
            await self._inbox.cancel(task_id)
        except AilyusError:  # it does not wait any more; the next `tasks/get` says how it ended
            log.info("cancelled_too_late", action=task_id)

    def _input_schema(self, name: str) -> Mapping[str, Any] | None:
        return schema_of(self._runner.release, name)
