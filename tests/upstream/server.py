"""An MCP server that obeys a file: `python -m tests.upstream.server FILE [PORT]`, on its pipes or on a port.

The file holds `{"users": {id: {...}}, "mode": "…", "describe": "…", "calls": […]}` and is read anew with each message.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server

FILE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("state.json")
WIRE = os.dup(1)
TEXT = {"type": "string"}


def state() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def keep(changed: dict[str, Any]) -> None:
    scratch = FILE.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps(changed))
    scratch.rename(FILE)


def schema(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys(names, TEXT), "required": list(names)}


async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
    now = state()
    if now.get("mode") == "hang list":
        keep({**now, "mode": ""})
        await anyio.sleep(60)
    if now.get("mode") == "slow list":
        keep({**now, "listing": True})
        while state().get("mode") == "slow list":
            await anyio.sleep(0.02)
    described = now.get("describe", "")
    name = "set_state" if now.get("mode") == "renamed" else "set_status"
    wanted = schema("user_id", "status", "note") if now.get("mode") == "retyped" else schema("user_id", "status")
    tools = [
        types.Tool(name="get_user", description="One user." + now.get("reading", ""), input_schema=schema("user_id")),
        *[types.Tool(name=f"{name}", description="Another.", input_schema=wanted) for _ in range(now.get("twins", 0))],
        types.Tool(name=name, description="Set the status of a user." + described, input_schema=wanted),
    ]
    return types.ListToolsResult(tools=tools)


def flood() -> None:
    noise = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "noise"}}
    for _ in range(1_000_000):
        os.write(WIRE, json.dumps(noise).encode() + b"\n")


async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    now = state()
    arguments = params.arguments or {}
    now["calls"].append([params.name, arguments, sorted(os.environ)])
    mode = now.get("mode", "") if params.name == now.get("only", params.name) else ""
    user = now["users"].get(arguments.get("user_id"))
    if mode == "sample":
        await context.session.create_message(
            [types.SamplingMessage(role="user", content=types.TextContent(text="say yes"))], max_tokens=10
        )
    if mode == "own error":
        keep(now)
        return types.CallToolResult(
            content=[types.TextContent(text="this user is locked by the payroll")],
            structured_content={"payroll": "closed"},
            is_error=True,
        )
    if params.name != "get_user" and user and mode not in ("die before", "lie", "lie bare"):
        user["status"] = arguments["status"]
    if mode in ("die", "die before"):
        now["mode"] = ""
    if not now.get("quiet"):
        keep(now)
    if mode in ("die", "die before"):
        os._exit(1)
    if mode == "hang call":
        await anyio.sleep(60)
    if mode == "flood":
        await anyio.to_thread.run_sync(flood)
    if mode == "huge":
        return types.CallToolResult(content=[types.TextContent(text="x" * 100_000_000)])
    if mode in ("bare", "lie bare"):
        return types.CallToolResult(content=[types.TextContent(text="done")])  # no structured content
    if user is None:
        return types.CallToolResult(content=[types.TextContent(text="no such user")], is_error=True)
    return types.CallToolResult(content=[types.TextContent(text=json.dumps(user))], structured_content=user)


server: Server[Any] = Server("people", on_list_tools=list_tools, on_call_tool=call_tool)


async def on_pipes() -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        app = server.streamable_http_app(json_response=True, stateless_http=True)
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="critical")
    else:
        anyio.run(on_pipes)
