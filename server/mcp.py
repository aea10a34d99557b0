"""The MCP server: one choke point for every tool call, both protocol eras, on the SDK's low-level server."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mcp_types as types
import structlog
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl, JsonValue
from starlette.applications import Starlette
from starlette.types import ASGIApp

from contracts.errors import AilyusError
from contracts.inputs import InputSchema
from contracts.request import Caller, ToolCall
from receipts.action import Action
from receipts.journal import Watch
from receipts.query import Query, find
from server import answers
from server.answers import Answer
from server.identity import Agents
from server.pipeline import Pipeline
from server.streams import Front
from server.tools import FIND_RECEIPTS, GET_ACTION, tools_for

CALLER_KEY = "dev.ailyus/caller-key"
"""The key in `_meta` by which a caller tells two equal calls apart on purpose."""
MAX_BODY = 4 * 1024 * 1024
REPORT_SECONDS = 0.5
"""Pause between two progress notifications."""
Context = ServerRequestContext[Any, Any]
log = structlog.get_logger()

_GET_ACTION = InputSchema.compile(GET_ACTION.input_schema, {})
_FIND_RECEIPTS = InputSchema.compile(FIND_RECEIPTS.input_schema, {})


class Gateway:
    """Handlers of one MCP server over the live pipeline."""

    def __init__(self, pipeline: Callable[[], Pipeline], agents: Agents, version: str) -> None:
        self._pipeline = pipeline
        self._agents = agents
        self.server: Server[dict[str, Any]] = Server(
            "ailyus",
            version=version,
            title="Ailyus",
            instructions=answers.INSTRUCTIONS,
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
            get_tool_input_schema=self._input_schema,
        )
        self.server.middleware.clear()

    def app(self, host: str, port: int, console: ASGIApp, hosts: Sequence[str] = ()) -> Front:
        """The ASGI application: `/mcp` for agents with a token, the console for people.

        `hosts` are names (`host:port`) by which a load balancer is reached.
        """
        plain, streaming = (self._app(host, port, hosts, json_response=json) for json in (True, False))
        return Front(plain, streaming, MAX_BODY, console)

    def _app(self, host: str, port: int, hosts: Sequence[str], *, json_response: bool) -> Starlette:
        return self.server.streamable_http_app(
            json_response=json_response,
            stateless_http=True,
            max_request_body_size=MAX_BODY,
            transport_security=TransportSecuritySettings(
                enable_dns_rebinding_protection=True,
                allowed_hosts=[*(f"{name}:{port}" for name in (host, "127.0.0.1", "localhost")), *hosts],
                allowed_origins=[
                    *(f"http://{name}:{port}" for name in (host, "127.0.0.1", "localhost")),
                    *(f"{scheme}://{name}" for name in hosts for scheme in ("http", "https")),
                ],
            ),
            host=host,
            auth=AuthSettings(
                issuer_url=AnyHttpUrl(f"http://{host}:{port}"),
                resource_server_url=None,
                validate_token_resource=False,
            ),
            token_verifier=self._agents,
        )

    async def list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """The tools of this caller; the list depends on who asks."""
        caller = await self._caller(ctx)
        tools = tools_for(self._pipeline().release, caller) if caller else []
        return types.ListToolsResult(tools=tools, cache_scope="private")

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        """Every call comes through here. Nothing of an unexpected fault reaches the client."""
        try:
            answer = await self._answer(ctx, params)
        except AilyusError as error:
            answer = answers.invalid(error, params.name)
        except Exception:  # the text of an exception would leak to the client otherwise
            log.exception("tool_fault", tool=params.name[:64])
            answer = answers.invalid(AilyusError("internal", "the gateway met a fault of its own"), "the tool")
        return result_of(answer)

    async def _answer(self, ctx: Context, params: types.CallToolRequestParams) -> Answer:
        caller = await self._caller(ctx)
        if caller is None:
            raise AilyusError("not_found", "the token is not known any more")
        arguments: Mapping[str, object] = params.arguments or {}
        if params.name == GET_ACTION.name:
            return await self._get_action(caller, _GET_ACTION.parse(arguments))
        if params.name == FIND_RECEIPTS.name:
            return await self._find_receipts(caller, _FIND_RECEIPTS.parse(arguments))
        key = (ctx.meta or {}).get(CALLER_KEY) if ctx.meta else None
        call = ToolCall(name=params.name, arguments=arguments, caller_key=key[:200] if isinstance(key, str) else None)
        reports: list[asyncio.Task[None]] = []
        token = (ctx.meta or {}).get("progress_token") if ctx.meta else None

        def begun(action: Action) -> None:
            if token is not None and self._pipeline().release.is_plan(action.request.contract):
                reports.append(asyncio.create_task(self._report(ctx, action.id)))

        try:
            return await self._pipeline().call(call, caller, begun)
        finally:
            for report in reports:
                report.cancel()

    async def _report(self, ctx: Context, action_id: str) -> None:
        """Progress notifications while a plan runs: so many of so many, and the current step."""
        with self._pipeline().journal.watching(action_id) as watch:
            while True:
                pipeline = self._pipeline()
                action = await pipeline.journal.get(action_id)
                if action is not None and action.state == "running":
                    progress = (await pipeline.plans.progress(action)).get("progress")
                    if isinstance(progress, dict):
                        done, total, current = progress["done"], progress["total"], progress["current"]
                        if isinstance(done, int) and isinstance(total, int):
                            await ctx.session.report_progress(done, total, str(current) if current else None)
                await watch.change(1.0)
                await asyncio.sleep(REPORT_SECONDS)

    async def _get_action(self, caller: Caller, arguments: Mapping[str, JsonValue]) -> Answer:
        journal = self._pipeline().journal
        action_id, wait = str(arguments["action_id"]), arguments["wait_seconds"]
        deadline = journal.store.now_ms() + (wait if isinstance(wait, int) else 0) * 1000
        with journal.watching(action_id) as watch:
            return await self._ended(caller, action_id, deadline, watch)

    async def _ended(self, caller: Caller, action_id: str, deadline: int, watch: Watch) -> Answer:
        journal = self._pipeline().journal
        while True:
            action = await journal.get(action_id) or self._pipeline().carried(action_id)
            # INVARIANT: nobody reads another principal's action; a foreign id is not found.
            mine = action is not None and (action.request.tenant, action.request.agent, action.request.person) == (
                caller.tenant,
                caller.agent,
                caller.person,
            )
            if action is None or not mine:
                raise AilyusError("not_found", "there is no such action that you may see", field="/action_id")
            left = (deadline - journal.store.now_ms()) / 1000
            if action.state == "ended" or left <= 0:
                if action.plan is not None and action.state in ("ready", "running"):
                    return await self._pipeline().plans.progress(action)
                if action.state in ("new", "ready", "running"):
                    receipt = (action.result or {}).get("receipt_id")
                    return answers.running(action.id, receipt if isinstance(receipt, str) else None)
                return dict(action.result or {})
            await watch.change(min(left, 5.0))

    async def _find_receipts(self, caller: Caller, arguments: Mapping[str, JsonValue]) -> Answer:
        limit = arguments["limit"]
        query = Query(
            tenant=caller.tenant,
            agent=caller.agent,
            person=self._pipeline().journal.notary.pseudonym(caller.tenant, "person", caller.person),
            contract=_text(arguments.get("contract")),
            status=_text(arguments.get("status")),
            ends_only=True,
            limit=limit if isinstance(limit, int) else 10,
        )
        rows = await self._pipeline().journal.store.read_aside(lambda read: find(read, query))
        found: list[JsonValue] = [
            {
                "receipt_id": r.receipt_id,
                "action_id": r.action_id,
                "tool": r.contract,
                "status": r.status,
                "at": answers.iso(r.at_ms),
            }
            for r in rows
        ]
        return {
            "status": "confirmed",
            "summary": f"{len(found)} receipts were found; nothing changed.",
            "next": "Give the receipt_id to whoever asked.",
            "action_id": None,
            "receipt_id": None,
            "changed": False,
            "data": {"receipts": found},
        }

    async def _caller(self, ctx: Context) -> Caller | None:
        token = get_access_token()
        if token is None:
            return None
        bridged = ctx.request is not None and ctx.request.headers.get("x-ailyus-boundary") == "same_user"
        return await self._agents.caller(token.token, "same_user" if bridged else "network")

    def _input_schema(self, name: str) -> Mapping[str, Any] | None:
        release = self._pipeline().release
        program, plan = release.catalog.programs.get(name), release.catalog.plans.get(name)
        return program.inputs.schema if program else plan.inputs.schema if plan else None


def result_of(answer: Answer) -> types.CallToolResult:
    """One envelope on both channels."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=answers.text_of(answer))],
        structured_content=answer,
        is_error=answer["status"] not in answers.NOT_ERRORS,
    )


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
