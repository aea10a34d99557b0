"""The MCP server: one choke point for every tool call, both protocol eras, on the SDK's low-level server.

`Gateway.call_tool` is the one entrance for tool calls. It establishes whose call it is, hands it to `Pipeline.call`,
and puts the answer into the words of the protocol; `get_action` and `find_receipts` it answers itself. `App` makes one
and serves what `app` gives. It is not where policy is decided, and not where people approve: an answer that comes by an
agent's own client is never an approval.

- A caller MUST find its own actions and receipts only; a foreign id is not found (invariant 9).
- The text of an unexpected exception MUST NOT reach a client.
- The state of a waiting call that a client keeps MUST be sealed to tool, arguments, principal and deployment.
- A list of tools depends on who asks, and MUST be marked as private to that caller.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import mcp_types as types
import structlog
from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from pydantic import JsonValue, ValidationError
from starlette.applications import Starlette
from starlette.types import ASGIApp

from contracts.action.request import Caller, ToolCall
from contracts.compiler.inputs import InputSchema
from contracts.errors import AilyusError
from policies.run_plan_schema import RUN_PLAN
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.journal.journal import Watch
from server.actions.pipeline import ANSWER_WITHIN, Pipeline
from server.approvals.inbox import Inbox
from server.identity.agents import Agents
from server.mcp.admission import MAX_BODY, Admission
from server.mcp.endpoint import Apps, HttpEndpoint
from server.mcp.peers import Address, Boundary, Peers
from server.mcp.pending_result import REQUEST, Result, result_of, task_of, waiting_result, with_link
from server.mcp.resources import ReceiptResources
from server.mcp.session_ids import SessionIds
from server.mcp.tasks import METHODS, Context, Task, serve_tasks
from server.mcp.tools import FIND_RECEIPTS, GET_ACTION, tools_for
from server.observability import tracing
from server.results import answers
from server.workspace.hosts import plain_host
from server.workspace.settings import ServerPart

CALLER_KEY = "dev.ailyus/caller-key"
"""The key in `_meta` by which a caller tells two equal calls apart on purpose."""
REPORT_SECONDS = 0.5
"""Pause between two progress notifications."""
STATE_SECONDS = 86_400.0
"""How long a client may keep the state of a call that waits for people."""
MAX_SESSIONS = 1_000
"""Live sessions of the handshake era; a client more is answered without one."""
log = structlog.get_logger()

_GET_ACTION = InputSchema.compile(GET_ACTION.input_schema, {})
_FIND_RECEIPTS = InputSchema.compile(FIND_RECEIPTS.input_schema, {})


class _Server(Server[dict[str, Any]]):
    """The SDK's server; `tells` says whether clients of the handshake era hear that the tools changed."""

    tells = False

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """What `initialize` is answered with. The tasks extension belongs to the modern era."""
        options = notification_options or NotificationOptions(tools_changed=self.tells)
        return super().create_initialization_options(options, experimental_capabilities, extensions or {})


async def shielded(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Around every request: in the handshake era the SDK tells a client the text of whatever is raised."""
    try:
        return await call_next(ctx)
    except (MCPError, ValidationError):
        raise
    except AilyusError as error:
        raise MCPError(types.INVALID_PARAMS, f"{error.sentence}; {error.hint}") from None
    except Exception:  # nothing of an exception leaks
        log.exception("request_fault", method=ctx.method)
        raise MCPError(types.INTERNAL_ERROR, "the gateway met a fault of its own") from None


class Gateway:
    """Handlers of one MCP server over the live pipeline. `console` is the console's origin."""

    def __init__(
        self,
        pipeline: Callable[[], Pipeline],
        agents: Agents,
        inbox: Inbox,
        console: Callable[[], str],
        version: str,
        origin: str,
    ) -> None:
        self._pipeline = pipeline
        self._agents = agents
        self._inbox = inbox
        self._console = console
        self._bus = InMemorySubscriptionBus()
        self._listening = ListenHandler(self._bus, max_subscriptions=MAX_SESSIONS, max_buffered_events=64)
        self._sessions: OrderedDict[str, ServerSession] = OrderedDict()
        self._peers = Peers()
        self.receipts = ReceiptResources(pipeline, self._caller)
        self.server = _Server(
            "ailyus",
            version=version,
            title="Ailyus",
            instructions=answers.INSTRUCTIONS,
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,  # type: ignore[arg-type] # a task is a result of an extension
            on_subscriptions_listen=self._listening,
            get_tool_input_schema=self._input_schema,
        )
        self.receipts.serve(self.server)
        serve_tasks(self.server, self)
        self.server.add_notification_handler("notifications/initialized", types.NotificationParams, self._opened)
        handles = pipeline().journal.handles
        # the state of a call that waits goes with the client, sealed to tool, arguments, principal and deployment
        security = RequestStateSecurity(keys=[handles.derived(b"ailyus-request-state")], ttl=STATE_SECONDS)
        # guard: sealed state of a call, text of exceptions
        self.server.middleware[:] = [shielded, RequestStateBoundary(security, default_audience=origin)]
        self._ids = SessionIds(handles.derived(b"ailyus-mcp-session"))

    def app(self, port: int, console: ASGIApp, settings: ServerPart) -> HttpEndpoint:
        """The ASGI application: `/mcp` for agents with a token, the console for people."""
        shared = self._pipeline().journal.store.shared
        self.server.tells = not shared
        if tracing.is_on():
            self.server.middleware.insert(0, tracing.Calls(self._is_tool, METHODS))
        plain = self._app(port, settings, json_response=True, stateless=True)
        streaming = self._app(port, settings, json_response=False, stateless=True)
        sessions = None if shared else self._app(port, settings, json_response=False, stateless=False)
        apps = Apps(plain, streaming, sessions)
        return HttpEndpoint(
            apps,
            console,
            self._agents,
            Admission(settings.rate, settings.patience / 1000),
            self._ids,
            self._agents.metadata(port),
        )

    def _app(self, port: int, settings: ServerPart, *, json_response: bool, stateless: bool) -> Starlette:
        hosts = [*settings.hosts, *(h.removesuffix(":*") for h in settings.hosts if h.endswith(":*"))]
        own = [plain_host(f"{name}:{port}") for name in (settings.host, "localhost")]
        return self.server.streamable_http_app(
            json_response=json_response,
            stateless_http=stateless,
            max_request_body_size=MAX_BODY,
            max_sessions=MAX_SESSIONS,
            transport_security=TransportSecuritySettings(
                enable_dns_rebinding_protection=True,
                allowed_hosts=[*own, *hosts],
                allowed_origins=[
                    *(f"http://{name}" for name in own),
                    *(f"{scheme}://{name}" for name in hosts for scheme in ("http", "https")),
                ],
            ),
            host=settings.host,
        )

    # -- what changes --------------------------------------------------------------------------------------------------

    async def _opened(self, ctx: Context, params: types.NotificationParams) -> None:
        session = ctx.request.headers.get("mcp-session-id") if ctx.request is not None else None
        if session is not None:
            self._sessions[session] = ctx.session
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)

    async def tools_changed(self) -> None:
        """Tell every client that listens, in either era, to list the tools anew."""
        await self._bus.publish(ToolsListChanged())
        for name, session in list(self._sessions.items()):
            try:
                await session.send_tool_list_changed()
            except Exception:  # whatever a session that ended raises: it hears nothing more
                self._sessions.pop(name, None)

    def close(self) -> None:
        """End every stream that listens, as the protocol says."""
        self._listening.close()

    # -- tools ---------------------------------------------------------------------------------------------------------

    async def list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """The tools of this caller; the list depends on who asks."""
        tools = tools_for(self._pipeline().release, await self._caller(ctx))
        return types.ListToolsResult(tools=tools, cache_scope="private")

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        """Every call comes through here. Nothing of an unexpected fault reaches the client."""
        try:
            return await self._call(ctx, params)
        except MCPError:
            raise
        except AilyusError as error:
            answer = answers.invalid(error, params.name)
        except Exception:  # the text of an exception would leak to the client otherwise
            log.exception("tool_fault", tool=params.name[:64])
            answer = answers.invalid(AilyusError("internal", "the gateway met a fault of its own"), "the tool")
        return result_of(answer, ctx.protocol_version)

    async def _call(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        caller = await self._caller(ctx)
        arguments: Mapping[str, object] = params.arguments or {}
        if params.name == GET_ACTION.name:
            return self._told(ctx, await self._get_action(caller, _GET_ACTION.parse(arguments)))
        if params.name == FIND_RECEIPTS.name:
            return self._told(ctx, await self._find_receipts(caller, _FIND_RECEIPTS.parse(arguments)))
        begun_ms = self._now()
        if params.request_state is not None:
            answer = await self._asked_again(caller, params.request_state, params.input_responses or {})
        else:
            answer = await self._perform(ctx, caller, params, arguments)
        if answer.status not in ("approval_required", "running"):
            return self._told(ctx, answer)
        answer = with_link(answer, self._console())
        action = await self._pipeline().journal.get(answer.action_id or "")
        asked_before = params.request_state is not None or (action is not None and action.created_ms < begun_ms)
        return waiting_result(ctx, answer, action, asked_before=asked_before)

    def _told(self, ctx: Context, answer: ActionResult) -> types.CallToolResult:
        return result_of(with_link(answer, self._console()), ctx.protocol_version)

    async def _asked_again(self, caller: Caller, action_id: str, responses: Mapping[str, Any]) -> ActionResult:
        """The client opened the page, or did not. What its user clicked there is not the approval: the journal is."""
        opened = responses.get(REQUEST)
        wait = ANSWER_WITHIN if getattr(opened, "action", None) == "accept" else 0.0
        journal = self._pipeline().journal
        with journal.watching(action_id) as watch:
            return await self._ended(caller, action_id, journal.store.now_ms() + int(wait * 1000), watch)

    async def _perform(
        self, ctx: Context, caller: Caller, params: types.CallToolRequestParams, arguments: Mapping[str, object]
    ) -> ActionResult:
        key = (ctx.meta or {}).get(CALLER_KEY) if ctx.meta else None
        call = ToolCall(name=params.name, arguments=arguments, caller_key=key[:200] if isinstance(key, str) else None)
        reports: list[asyncio.Task[None]] = []
        token = (ctx.meta or {}).get("progress_token") if ctx.meta else None

        def begun(action: Action) -> None:
            if token is not None:
                reports.append(asyncio.create_task(self._report(ctx, action.id)))

        try:
            return await self._pipeline().call(call, caller, begun)
        finally:
            for report in reports:
                report.cancel()

    async def _report(self, ctx: Context, action_id: str) -> None:
        """Progress notifications: of a plan so many of so many and the current step; of an action that it is out."""
        with self._pipeline().journal.watching(action_id) as watch:
            while True:
                pipeline = self._pipeline()
                action = await pipeline.journal.get(action_id)
                if action is not None and action.state == "running":
                    progress = (await pipeline.plans.progress(action)).progress if action.plan else None
                    if progress is not None:
                        await ctx.session.report_progress(progress.done, progress.total, progress.current or None)
                    elif action.plan is None:
                        await ctx.session.report_progress(1, 2, "sent; it is being read back")
                await watch.change(1.0)
                await asyncio.sleep(REPORT_SECONDS)

    async def _get_action(self, caller: Caller, arguments: Mapping[str, JsonValue]) -> ActionResult:
        action_id, wait = str(arguments["action_id"]), arguments["wait_seconds"]
        deadline = self._now() + (wait if isinstance(wait, int) else 0) * 1000
        with self._pipeline().journal.watching(action_id) as watch:
            return await self._ended(caller, action_id, deadline, watch)

    async def _ended(self, caller: Caller, action_id: str, deadline: int, watch: Watch) -> ActionResult:
        while True:
            action = await self._own(caller, action_id)
            if action is None:
                raise AilyusError("not_found", "there is no such action that you may see", field="/action_id")
            left = (deadline - self._now()) / 1000
            if action.state == "ended" or left <= 0:
                return await self._so_far(action)
            await watch.change(min(left, 5.0))

    async def _own(self, caller: Caller, action_id: str) -> Action | None:
        """The action of that id, if it is this caller's."""
        action = await self._pipeline().journal.get(action_id) or self._pipeline().carried(action_id)
        # INVARIANT: nobody reads another principal's action; a foreign id is not found.
        return action if action is not None and action.is_of(caller) else None  # guard: actions of another

    async def _so_far(self, action: Action) -> ActionResult:
        """What is known of an action now."""
        if action.plan is not None and action.state in ("ready", "running"):
            return await self._pipeline().plans.progress(action)
        pipeline = self._pipeline()
        if action.state == "ready" and (halt := pipeline.halt_of(action)):  # guard: approved and held
            return await pipeline.held(action, halt)
        if action.state in ("new", "ready", "running"):
            return answers.running(action.id, action.receipt_id)
        return action.result or answers.running(action.id, None)

    async def _find_receipts(self, caller: Caller, arguments: Mapping[str, JsonValue]) -> ActionResult:
        limit = arguments["limit"]
        rows = await self.receipts.found(
            caller,
            limit if isinstance(limit, int) else 10,
            contract=_text(arguments.get("contract")),
            status=_text(arguments.get("status")),
        )
        found: list[dict[str, JsonValue]] = [
            {
                "receipt_id": r.receipt_id,
                "action_id": r.action_id,
                "tool": r.contract,
                "status": r.status,
                "at": answers.iso(r.at_ms),
            }
            for r in rows
        ]
        return answers.found(found)

    # -- tasks ---------------------------------------------------------------------------------------------------------

    async def task(self, ctx: Context, task_id: str) -> Task | None:
        """The caller's own action, as a task."""
        action = await self._own(await self._caller(ctx), task_id)
        return task_of(ctx, with_link(await self._so_far(action), self._console()), action) if action else None

    async def answer(self, ctx: Context, task_id: str, responses: Mapping[str, JsonValue]) -> None:
        """Nothing: an answer that comes by the agent's own client is never an approval."""

    async def cancel(self, ctx: Context, task_id: str) -> None:
        """End what waits for people, or a plan at its next step; what is on its way out goes on to its end."""
        try:
            await self._inbox.cancel(task_id)
        except AilyusError:  # it does not wait any more; the next `tasks/get` says how it ended
            log.info("cancelled_too_late", action=task_id)

    # -- who asks ------------------------------------------------------------------------------------------------------

    async def _caller(self, ctx: Context) -> Caller:
        user = ctx.request.scope.get("user") if ctx.request is not None else None
        token = user.access_token.token if user is not None else ""
        caller = await self._agents.caller(token, await self._boundary(ctx, token))
        if caller is None:
            raise AilyusError("not_found", "the token is not known any more")
        return caller

    async def _boundary(self, ctx: Context, token: str) -> Boundary:
        """Does the caller run as the gateway's user? The bridge says so; leaving its header out says nothing."""
        if ctx.request is None or ctx.request.headers.get("x-ailyus-boundary") == "same_user":
            return "same_user"
        scope = ctx.request.scope
        # guard: the caller's user
        return await self._peers.of(token, _address(scope.get("client")), _address(scope.get("server")))

    def _now(self) -> int:
        return self._pipeline().journal.store.now_ms()

    def _is_tool(self, name: str) -> bool:
        catalog = self._pipeline().release.catalog
        ours = (GET_ACTION.name, FIND_RECEIPTS.name, RUN_PLAN)
        return name in catalog.programs or name in catalog.plans or name in ours

    def _input_schema(self, name: str) -> Mapping[str, Any] | None:
        release = self._pipeline().release
        program, plan = release.catalog.programs.get(name), release.catalog.plans.get(name)
        return program.inputs.schema if program else plan.inputs.schema if plan else None


def _address(end: object) -> Address | None:
    if isinstance(end, (tuple, list)) and len(end) == 2 and isinstance(end[0], str) and isinstance(end[1], int):
        return end[0], end[1]
    return None


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
