"""The tasks extension of MCP (SEP-2663): `tasks/get`, `tasks/update`, `tasks/cancel`, for clients that declare it.

A task is an action, and its id is the action's. An answer to a task's input request is never an approval.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import CLIENT_CAPABILITIES_META_KEY, INVALID_PARAMS, METHOD_NOT_FOUND, RequestParams
from mcp_types.jsonrpc import HEADER_MISMATCH, MISSING_REQUIRED_CLIENT_CAPABILITY
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

EXTENSION = "io.modelcontextprotocol/tasks"
METHODS = ("tasks/get", "tasks/update", "tasks/cancel")
POLL_MS = 1000
"""How often a client is asked to look."""
Context = ServerRequestContext[Any, Any]
TaskStatus = Literal["working", "input_required", "completed", "cancelled", "failed"]


class Task(BaseModel):
    """`Task` and `DetailedTask` of SEP-2663. `result` is a `CallToolResult`; `ttl_ms` None: kept for good."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    task_id: str
    status: TaskStatus
    created_at: str
    last_updated_at: str
    status_message: str | None = None
    ttl_ms: int | None = None
    poll_interval_ms: int = POLL_MS
    input_requests: dict[str, JsonValue] | None = None
    result: dict[str, JsonValue] | None = None
    error: dict[str, JsonValue] | None = None

    def created(self) -> dict[str, JsonValue]:
        """A `CreateTaskResult`: flat, without what belongs to `tasks/get`."""
        return {"resultType": "task", **self._wire({"input_requests", "result", "error"})}

    def detailed(self) -> dict[str, JsonValue]:
        """The answer to `tasks/get`."""
        return {"resultType": "complete", **self._wire(set())}

    def _wire(self, without: set[str]) -> dict[str, JsonValue]:
        dumped = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=without)
        return {**dumped, "ttlMs": self.ttl_ms}


class Tasks(Protocol):
    """Whose tasks there are. A foreign id is as unknown as any other."""

    async def task(self, ctx: Context, task_id: str) -> Task | None:
        """The task of that id that this caller may see."""
        ...

    async def answer(self, ctx: Context, task_id: str, responses: Mapping[str, JsonValue]) -> None:
        """Take the answers to input requests; what is unknown is ignored."""
        ...

    async def cancel(self, ctx: Context, task_id: str) -> None:
        """Cancel it, if it still can be."""
        ...


class TaskParams(RequestParams):
    """The parameters of `tasks/get` and `tasks/cancel`."""

    task_id: str = Field(min_length=1, max_length=200)


class UpdateParams(TaskParams):
    """The parameters of `tasks/update`."""

    input_responses: dict[str, Any] = Field(default_factory=dict, max_length=100)


def declares_tasks(ctx: Context) -> bool:
    """Does the client take a task instead of a result? Said with each request (SEP-2575), in the modern era only."""
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return False
    capabilities = dict(ctx.meta or {}).get(CLIENT_CAPABILITIES_META_KEY)
    extensions = capabilities.get("extensions") if isinstance(capabilities, Mapping) else None
    return isinstance(extensions, Mapping) and EXTENSION in extensions


def require_tasks(ctx: Context) -> None:
    """Raise -32021 for a client that does not declare the extension."""
    if not declares_tasks(ctx):
        data: JsonValue = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, f"the client must declare `{EXTENSION}`", data)


def serve_tasks(server: Server[Any], tasks: Tasks) -> None:
    """Add the methods to a server, and advertise them."""

    async def known(ctx: Context, task_id: str) -> Task:
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            raise MCPError(METHOD_NOT_FOUND, "Method not found", ctx.method)
        require_tasks(ctx)
        _check_name(ctx, task_id)  # guard: names of tasks in headers
        found = await tasks.task(ctx, task_id)
        if found is None:
            raise MCPError(INVALID_PARAMS, "there is no such task that you may see")
        return found

    async def get(ctx: Context, params: TaskParams) -> dict[str, JsonValue]:
        return (await known(ctx, params.task_id)).detailed()

    async def update(ctx: Context, params: UpdateParams) -> dict[str, JsonValue]:
        await known(ctx, params.task_id)
        await tasks.answer(ctx, params.task_id, params.input_responses)
        return {"resultType": "complete"}

    async def cancel(ctx: Context, params: TaskParams) -> dict[str, JsonValue]:
        await known(ctx, params.task_id)
        await tasks.cancel(ctx, params.task_id)
        return {"resultType": "complete"}

    server.add_request_handler("tasks/get", TaskParams, get)
    server.add_request_handler("tasks/update", UpdateParams, update)
    server.add_request_handler("tasks/cancel", TaskParams, cancel)
    server.extensions[EXTENSION] = {}


def _check_name(ctx: Context, task_id: str) -> None:
    """`Mcp-Name` carries the task's id, for whatever routes by it (SEP-2243, SEP-2663)."""
    named = ctx.request.headers.get(MCP_NAME_HEADER) if ctx.request is not None else None
    if ctx.request is not None and decode_header_value(named) != task_id:
        raise MCPError(HEADER_MISMATCH, "the header Mcp-Name does not name the task")
