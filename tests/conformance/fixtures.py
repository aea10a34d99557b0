"""The fixture tools, prompts, resources and tasks that the official conformance suite asks for by name.

They answer by themselves, since no action contract returns a picture or asks a model. What is measured is everything
around them, which is the gateway's own: the address, tokens, admission, sessions, both eras, the sealing of state,
tasks, subscriptions. Whatever is not a fixture goes to the gateway.
"""

import asyncio
import base64
import struct
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
from mcp.server.subscriptions import PromptsListChanged
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.jsonrpc import MISSING_REQUIRED_CLIENT_CAPABILITY

from contracts.canonical import new_id
from server.mcp.gateway import Gateway
from server.mcp.resources import not_found
from server.mcp.tasks import Context, Task, declares_tasks, require_tasks, serve_tasks
from server.results.timestamp import iso

Outcome = types.CallToolResult | types.InputRequiredResult | dict[str, Any]
Handler = Callable[[Context, types.CallToolRequestParams], Awaitable[Outcome]]


def _png() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + body).decode()


def _wav() -> str:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    data = struct.pack("<4sI", b"data", 2) + b"\x80\x80"
    return base64.b64encode(b"RIFF" + struct.pack("<I", 4 + len(form) + len(data)) + b"WAVE" + form + data).decode()


PNG, WAV = _png(), _wav()
EMPTY: dict[str, Any] = {"type": "object", "properties": {}}


def text(words: str, *, error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=words)], is_error=error)


def form(message: str, **properties: dict[str, Any]) -> types.ElicitRequest:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(words: str, tokens: int = 100) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=words))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=tokens))


NAME = form("What is your name?", name={"type": "string"})


def embedded(uri: str, mime: str, words: str) -> types.EmbeddedResource:
    contents = types.TextResourceContents(uri=uri, mime_type=mime, text=words)
    return types.EmbeddedResource(type="resource", resource=contents)


def said(params: Any, key: str) -> Any:
    """What the client answered to one input request, or None."""
    return (params.input_responses or {}).get(key)


def content_of(answer: Any) -> Mapping[str, Any]:
    return dict(getattr(answer, "content", None) or {}) if getattr(answer, "action", "") == "accept" else {}


async def asks(ctx: Context, request: Any, result: Any) -> Any:
    """A request to the client, on the stream of this call (2025-11-25)."""
    return await ctx.session.send_request(request, result, metadata=ServerMessageMetadata(ctx.request_id))


@dataclass
class Job:
    """One task in memory."""

    owner: str
    work: asyncio.Task[types.CallToolResult] | None
    pending: dict[str, types.ElicitRequest] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    cancelled: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class Fixtures:
    """Put before a gateway's own handlers."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.jobs: dict[str, Job] = {}
        self.extra = 0
        server = gateway.server
        self.tools: dict[str, tuple[dict[str, Any], Handler]] = {
            name.removeprefix("tool_"): (EMPTY, getattr(self, name)) for name in dir(self) if name.startswith("tool_")
        }
        self._schema("test_sampling", prompt="string")
        self._schema("test_elicitation", message="string")
        self._schema("greet", name="string")
        self._schema("slow_compute", seconds="number", label="string")
        self._schema("confirm_delete", filename="string")
        region = {"type": "string", "x-mcp-header": "Region"}
        self.tools["test_headers"] = (
            {"type": "object", "properties": {"region": region}},
            self.tool_test_simple_text,
        )
        self.tools["json_schema_2020_12_tool"] = (SCHEMA_2020_12, self.tool_test_simple_text)
        server.add_request_handler("tools/list", types.PaginatedRequestParams, self.list_tools)
        server.add_request_handler("tools/call", types.CallToolRequestParams, self.call_tool)
        server.add_request_handler("prompts/list", types.PaginatedRequestParams, self.list_prompts)
        server.add_request_handler("prompts/get", types.GetPromptRequestParams, self.get_prompt)
        server.add_request_handler("resources/list", types.PaginatedRequestParams, self.list_resources)
        server.add_request_handler("resources/templates/list", types.PaginatedRequestParams, self.list_templates)
        server.add_request_handler("resources/read", types.ReadResourceRequestParams, self.read)
        server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, self.nothing)
        server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, self.nothing)
        server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, self.nothing)
        serve_tasks(server, self)
        published = server.get_tool_input_schema
        assert published is not None
        server.get_tool_input_schema = lambda name: self.tools[name][0] if name in self.tools else published(name)

    def _schema(self, name: str, /, **fields: str) -> None:
        properties = {field: {"type": kind} for field, kind in fields.items()}
        self.tools[name] = ({"type": "object", "properties": properties}, self.tools[name][1])

    async def nothing(self, ctx: Context, params: Any) -> types.EmptyResult:
        return types.EmptyResult()

    # -- tools

    async def list_tools(self, ctx: Context, params: types.PaginatedRequestParams) -> types.ListToolsResult:
        listed = await self.gateway.list_tools(ctx, params)
        own = [types.Tool(name=n, description=f"Fixture {n}.", input_schema=s) for n, (s, _) in self.tools.items()]
        more = [types.Tool(name=f"added_{i}", description="Added.", input_schema=EMPTY) for i in range(self.extra)]
        return listed.model_copy(update={"tools": [*listed.tools, *own, *more]})

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Outcome:
        found = self.tools.get(params.name)
        return await (found[1](ctx, params) if found else self.gateway.call_tool(ctx, params))

    async def tool_test_simple_text(self, ctx: Context, params: Any) -> Outcome:
        return text("This is a simple text response for testing.")

    async def tool_test_image_content(self, ctx: Context, params: Any) -> Outcome:
        return types.CallToolResult(content=[types.ImageContent(type="image", data=PNG, mime_type="image/png")])

    async def tool_test_audio_content(self, ctx: Context, params: Any) -> Outcome:
        return types.CallToolResult(content=[types.AudioContent(type="audio", data=WAV, mime_type="audio/wav")])

    async def tool_test_embedded_resource(self, ctx: Context, params: Any) -> Outcome:
        words = "This is an embedded resource content."
        return types.CallToolResult(content=[embedded("test://embedded-resource", "text/plain", words)])

    async def tool_test_multiple_content_types(self, ctx: Context, params: Any) -> Outcome:
        return types.CallToolResult(
            content=[
                types.TextContent(type="text", text="Multiple content types test:"),
                types.ImageContent(type="image", data=PNG, mime_type="image/png"),
                embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
            ]
        )

    async def tool_test_error_handling(self, ctx: Context, params: Any) -> Outcome:
        return text("This tool intentionally returns an error for testing", error=True)

    async def tool_test_tool_with_logging(self, ctx: Context, params: Any) -> Outcome:
        for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            note = types.LoggingMessageNotification(
                params=types.LoggingMessageNotificationParams(level="info", data=words)
            )
            await ctx.session.send_notification(note, ctx.request_id)
            await asyncio.sleep(0.05)
        return text("done")

    async def tool_test_logging_tool(self, ctx: Context, params: Any) -> Outcome:
        return text("nothing is logged unless it is asked for")

    async def tool_test_tool_with_progress(self, ctx: Context, params: Any) -> Outcome:
        for progress in (0, 50, 100):
            await ctx.session.report_progress(progress, 100, "on its way")
            await asyncio.sleep(0.05)
        return text("done")

    async def tool_test_sampling(self, ctx: Context, params: types.CallToolRequestParams) -> Outcome:
        asked = sample(str((params.arguments or {})["prompt"]))
        answer = await asks(ctx, asked, types.CreateMessageResult)
        return text(f"LLM response: {answer.content.text}")

    async def _elicited(self, ctx: Context, message: str, begin: str, **properties: dict[str, Any]) -> Outcome:
        answer = await asks(ctx, form(message, **properties), types.ElicitResult)
        return text(f"{begin}: action={answer.action}, content={answer.content}")

    async def tool_test_elicitation(self, ctx: Context, params: types.CallToolRequestParams) -> Outcome:
        message = str((params.arguments or {})["message"])
        username = {"type": "string", "description": "User's response"}
        email = {"type": "string", "description": "User's email address"}
        return await self._elicited(ctx, message, "User response", username=username, email=email)

    async def tool_test_elicitation_sep1034_defaults(self, ctx: Context, params: Any) -> Outcome:
        return await self._elicited(
            ctx,
            "Please review",
            "Elicitation completed",
            name={"type": "string", "default": "John Doe"},
            age={"type": "integer", "default": 30},
            score={"type": "number", "default": 95.5},
            status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            verified={"type": "boolean", "default": True},
        )

    async def tool_test_elicitation_sep1330_enums(self, ctx: Context, params: Any) -> Outcome:
        plain = ["option1", "option2", "option3"]
        titled = [{"const": f"value{i}", "title": f"{word} Option"} for i, word in enumerate(ORDINALS, 1)]
        chosen = [{"const": f"value{i}", "title": f"{word} Choice"} for i, word in enumerate(ORDINALS, 1)]
        names = ["Option One", "Option Two", "Option Three"]
        return await self._elicited(
            ctx,
            "Please choose",
            "Elicitation completed",
            untitledSingle={"type": "string", "enum": plain},
            titledSingle={"type": "string", "oneOf": titled},
            legacyEnum={"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": names},
            untitledMulti={"type": "array", "items": {"type": "string", "enum": plain}},
            titledMulti={"type": "array", "items": {"anyOf": chosen}},
        )

    async def tool_test_missing_capability(self, ctx: Context, params: Any) -> Outcome:
        capabilities = ctx.session.client_capabilities
        if capabilities is None or capabilities.sampling is None:
            data = {"requiredCapabilities": {"sampling": {}}}
            raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "the client must declare `sampling`", data)
        return text("it can")

    async def tool_test_streaming_elicitation(self, ctx: Context, params: Any) -> Outcome:
        return types.InputRequiredResult(input_requests={"user_name": NAME})

    async def tool_test_trigger_tool_change(self, ctx: Context, params: Any) -> Outcome:
        self.extra += 1
        await self.gateway.tools_changed()
        return text("a tool more")

    async def tool_test_trigger_prompt_change(self, ctx: Context, params: Any) -> Outcome:
        await self.gateway.subscriptions.bus.publish(PromptsListChanged())
        return text("another prompt")

    # -- input required (SEP-2322)

    async def tool_test_input_required_result_elicitation(self, ctx: Context, params: Any) -> Outcome:
        name = content_of(said(params, "user_name")).get("name")
        if name is None:
            return types.InputRequiredResult(input_requests={"user_name": NAME})
        return text(f"Hello, {name}!")

    async def tool_test_input_required_result_sampling(self, ctx: Context, params: Any) -> Outcome:
        answer = said(params, "capital_question")
        if answer is None:
            asked = sample("What is the capital of France?")
            return types.InputRequiredResult(input_requests={"capital_question": asked})
        return text(f"the model says: {answer.content.text}")

    async def tool_test_input_required_result_list_roots(self, ctx: Context, params: Any) -> Outcome:
        answer = said(params, "client_roots")
        if answer is None:
            return types.InputRequiredResult(input_requests={"client_roots": types.ListRootsRequest()})
        return text(f"the roots are {', '.join(str(root.uri) for root in answer.roots)}")

    async def tool_test_input_required_result_request_state(self, ctx: Context, params: Any) -> Outcome:
        if params.request_state != "asked" or not content_of(said(params, "confirm")):
            asked = form("Please confirm", ok={"type": "boolean"})
            return types.InputRequiredResult(input_requests={"confirm": asked}, request_state="asked")
        return text("state-ok")

    async def tool_test_input_required_result_tampered_state(self, ctx: Context, params: Any) -> Outcome:
        return await self.tool_test_input_required_result_request_state(ctx, params)

    async def tool_test_input_required_result_multiple_inputs(self, ctx: Context, params: Any) -> Outcome:
        asked: dict[str, Any] = {
            "user_name": NAME,
            "greeting": sample("Generate a greeting", 50),
            "client_roots": types.ListRootsRequest(),
        }
        if any(said(params, key) is None for key in asked):
            return types.InputRequiredResult(input_requests=asked, request_state="asked")
        return text(f"{said(params, 'greeting').content.text} {content_of(said(params, 'user_name')).get('name')}")

    async def tool_test_input_required_result_multi_round(self, ctx: Context, params: Any) -> Outcome:
        if params.request_state is None:
            step = form("Step 1: What is your name?", name={"type": "string"})
            return types.InputRequiredResult(input_requests={"step1": step}, request_state="1")
        if params.request_state == "1":
            name = content_of(said(params, "step1")).get("name")
            step = form("Step 2: What is your favorite color?", color={"type": "string"})
            return types.InputRequiredResult(input_requests={"step2": step}, request_state=f"2{name}")
        return text(f"{params.request_state[1:]} likes {content_of(said(params, 'step2')).get('color')}")

    async def tool_test_input_required_result_capabilities(self, ctx: Context, params: Any) -> Outcome:
        capabilities = ctx.session.client_capabilities
        asked: dict[str, Any] = {}
        if capabilities is not None and capabilities.elicitation is not None:
            asked["user_name"] = NAME
        if capabilities is not None and capabilities.sampling is not None:
            asked["greeting"] = sample("Generate a greeting")
        if not asked or params.input_responses:
            return text("nothing to ask")
        return types.InputRequiredResult(input_requests=asked)

    # -- tasks (SEP-2663)

    async def _owner(self, ctx: Context) -> str:
        return str(await self.gateway.callers.of(ctx))

    async def _job(self, ctx: Context, work: Callable[[Job], Awaitable[types.CallToolResult]], **asked: Any) -> Outcome:
        job = Job(await self._owner(ctx), None, asked)

        async def run() -> types.CallToolResult:
            return await work(job)

        if not declares_tasks(ctx):
            return await run()
        name = new_id("job")
        self.jobs[name] = job
        job.work = asyncio.create_task(run())
        found = await self.task(ctx, name)
        assert found is not None
        return found.created()

    async def tool_greet(self, ctx: Context, params: types.CallToolRequestParams) -> Outcome:
        return text(f"Hello, {(params.arguments or {}).get('name')}!")

    async def tool_slow_compute(self, ctx: Context, params: types.CallToolRequestParams) -> Outcome:
        seconds = float((params.arguments or {}).get("seconds", 0))

        async def work(job: Job) -> types.CallToolResult:
            await asyncio.sleep(seconds)
            return text("computed")

        return await self._job(ctx, work)

    async def tool_failing_job(self, ctx: Context, params: Any) -> Outcome:
        async def work(job: Job) -> types.CallToolResult:
            await asyncio.sleep(0.2)
            return text("it did not work", error=True)

        require_tasks(ctx)
        return await self._job(ctx, work)

    async def tool_protocol_error_job(self, ctx: Context, params: Any) -> Outcome:
        async def work(job: Job) -> types.CallToolResult:
            raise MCPError(types.INTERNAL_ERROR, "it broke")

        return await self._job(ctx, work)

    async def _answered(self, job: Job) -> types.CallToolResult:
        while job.pending:
            await job.answered.wait()
            job.answered.clear()
        return text("confirmed")

    async def tool_confirm_delete(self, ctx: Context, params: Any) -> Outcome:
        return await self._job(ctx, self._answered, confirm=form("Delete it?", confirm={"type": "boolean"}))

    async def tool_multi_input(self, ctx: Context, params: Any) -> Outcome:
        return await self._job(ctx, self._answered, first=NAME, second=form("Sure?", confirm={"type": "boolean"}))

    async def tool_test_tool_with_task(self, ctx: Context, params: types.CallToolRequestParams) -> Outcome:
        name = content_of(said(params, "user_name")).get("name")
        if name is None:
            return types.InputRequiredResult(input_requests={"user_name": NAME})

        async def work(job: Job) -> types.CallToolResult:
            return text(f"Hello, {name}!")

        return await self._job(ctx, work)

    async def task(self, ctx: Context, task_id: str) -> Task | None:
        job = self.jobs.get(task_id)
        if job is None or job.work is None or job.owner != await self._owner(ctx):
            return await self.gateway.task(ctx, task_id)
        now = iso(time.time_ns() // 1_000_000)
        task = Task(task_id=task_id, status="working", created_at=now, last_updated_at=now, ttl_ms=600_000)
        if job.cancelled:
            return task.model_copy(update={"status": "cancelled"})
        if not job.work.done():
            shown = {k: v.model_dump(mode="json", by_alias=True, exclude_none=True) for k, v in job.pending.items()}
            return task.model_copy(update={"status": "input_required", "input_requests": shown}) if shown else task
        fault = job.work.exception()
        if isinstance(fault, MCPError):
            error = {"code": fault.error.code, "message": fault.error.message}
            return task.model_copy(update={"status": "failed", "error": error})
        result = job.work.result().model_dump(mode="json", by_alias=True, exclude_none=True)
        return task.model_copy(update={"status": "completed", "result": result})

    async def answer(self, ctx: Context, task_id: str, responses: Mapping[str, Any]) -> None:
        job = self.jobs.get(task_id)
        if job is None:
            return await self.gateway.answer(ctx, task_id, responses)
        for key, value in responses.items():
            if job.pending.pop(key, None) is not None:
                job.answers[key] = value
        job.answered.set()
        await asyncio.sleep(0)

    async def cancel(self, ctx: Context, task_id: str) -> None:
        job = self.jobs.get(task_id)
        if job is None or job.work is None:
            return await self.gateway.cancel(ctx, task_id)
        if not job.work.done():
            job.cancelled = job.work.cancel()

    # -- prompts and resources

    async def list_prompts(self, ctx: Context, params: types.PaginatedRequestParams) -> types.ListPromptsResult:
        named: dict[str, list[str]] = {
            "test_simple_prompt": [],
            "test_prompt_with_arguments": ["arg1", "arg2"],
            "test_prompt_with_embedded_resource": ["resourceUri"],
            "test_prompt_with_image": [],
            "test_input_required_result_prompt": [],
        }
        prompts = [
            types.Prompt(
                name=name,
                description=f"Fixture {name}.",
                arguments=[types.PromptArgument(name=a, description=a, required=True) for a in arguments],
            )
            for name, arguments in named.items()
        ]
        return types.ListPromptsResult(prompts=prompts, cache_scope="private")

    async def get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Any:
        given = params.arguments or {}

        def user(*content: Any) -> types.GetPromptResult:
            return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=c) for c in content])

        def words(said: str) -> types.TextContent:
            return types.TextContent(type="text", text=said)

        if params.name == "test_simple_prompt":
            return user(words("This is a simple prompt for testing."))
        if params.name == "test_prompt_with_arguments":
            return user(words(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"))
        if params.name == "test_prompt_with_embedded_resource":
            resource = embedded(given["resourceUri"], "text/plain", "Embedded resource content for testing.")
            return user(resource, words("Please process the embedded resource above."))
        if params.name == "test_prompt_with_image":
            image = types.ImageContent(type="image", data=PNG, mime_type="image/png")
            return user(image, words("Please analyze the image above."))
        if params.name == "test_input_required_result_prompt":
            context = content_of(said(params, "user_context")).get("context")
            if context is None:
                asked = form("What context should the prompt use?", context={"type": "string"})
                return types.InputRequiredResult(input_requests={"user_context": asked})
            return user(words(f"In the context of {context}"))
        raise MCPError(types.INVALID_PARAMS, "no such prompt")

    async def list_resources(self, ctx: Context, params: types.PaginatedRequestParams) -> types.ListResourcesResult:
        listed = await self.gateway.receipts.list(ctx, params)
        own = [
            types.Resource(uri=uri, name=uri, description="Fixture.", mime_type=mime)
            for uri, mime in (("test://static-text", "text/plain"), ("test://static-binary", "image/png"))
        ]
        return listed.model_copy(update={"resources": [*listed.resources, *own]})

    async def list_templates(
        self, ctx: Context, params: types.PaginatedRequestParams
    ) -> types.ListResourceTemplatesResult:
        listed = await self.gateway.receipts.templates(ctx, params)
        own = types.ResourceTemplate(uri_template="test://template/{id}/data", name="data", description="Fixture.")
        return listed.model_copy(update={"resource_templates": [*listed.resource_templates, own]})

    async def read(self, ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        contents: types.TextResourceContents | types.BlobResourceContents
        if uri == "test://static-text":
            words = "This is the content of the static text resource."
            contents = types.TextResourceContents(uri=uri, mime_type="text/plain", text=words)
        elif uri == "test://static-binary":
            contents = types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
        elif uri.startswith("test://template/"):
            name = uri.split("/")[3]
            body = f'{{"id":"{name}","templateTest":true,"data":"Data for ID: {name}"}}'
            contents = types.TextResourceContents(uri=uri, mime_type="application/json", text=body)
        elif uri.startswith("test://"):
            raise not_found(ctx, uri)
        else:
            return await self.gateway.receipts.read(ctx, params)
        return types.ReadResourceResult(contents=[contents], cache_scope="private")


ORDINALS = ("First", "Second", "Third")
SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
