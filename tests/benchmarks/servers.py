"""The servers that are compared: a bare echo, a hand-written tool without governance, and the gateway."""

import asyncio
import contextlib
import shutil
import sqlite3
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel.server import Server

from server.app import App
from server.gateway_process import running, settle_interpreter
from server.workspace.settings.file import FILE
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace
from tests.web import web
from tests.world import unbounded

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"record": {"type": "string"}, "value": {"type": "string"}}}


def served(handler: Any) -> Any:
    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool(name="t", input_schema=SCHEMA)])

    server: Server[Any] = Server(
        "bench", on_list_tools=list_tools, on_call_tool=handler, get_tool_input_schema=lambda name: SCHEMA
    )
    server.middleware.clear()
    return server.streamable_http_app(json_response=True, stateless_http=True)


async def echo(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=str(params.arguments))])


class ByHand:
    """What a team writes itself: the same HTTP calls, the same durable commits, and nothing else."""

    def __init__(self, target: str, folder: Path) -> None:
        self.http = web()
        self.target = target
        self.connection = sqlite3.connect(folder / "hand.db", isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT)")
        self.lock = threading.Lock()

    def commit(self, what: str) -> None:
        with self.lock:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute("INSERT INTO log (what) VALUES (?)", (what,))
            self.connection.execute("COMMIT")

    async def __call__(self, ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        arguments = params.arguments or {}
        url = f"{self.target}/records/{arguments['record']}"
        text = (await self.http.get(url)).text
        if params.name == "set_value":
            await asyncio.to_thread(self.commit, f"before {text}")
            await self.http.post(url, json={"value": arguments["value"]})
            text = (await self.http.get(url)).text
        await asyncio.to_thread(self.commit, text)
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


CONTRACT = """
contract: {name}
version: 1
title: Benchmark
summary: A benchmark's tool.
use_when: never
kind: {kind}
risk: low
tags: [records]
verified_against: the benchmark's target
target: bench
inputs:
  record: {{type: string, pattern: "^[a-z0-9]{{1,20}}$", description: "Record id."}}
{more}
observe: {{record: {{get: "/records/${{inputs.record}}"}}}}
resource: {{type: Record, id: "${{inputs.record}}"}}
"""
WRITE = """
says: "Set it"
execute:
  - http: {post: "/records/${inputs.record}", json: {value: "${inputs.value}"}}
    ok: response.status == 200
detect: state
settle: 1s
idempotent: the same values are written again
expect:
  - {that: "after.record.value == inputs.value", else: "another value"}
evidence: {http: [before, after, response]}
"""
VALUE = '  value: {type: string, pattern: "^[a-z0-9]{1,40}$", description: "Value."}'


def bench_workspace(folder: Path, target: str) -> Workspace:
    init_sandbox(folder)
    (folder / ".ailyus" / "secrets" / "bench").write_text("secret\n")
    with (folder / FILE).open("a") as file:
        file.write(
            f'\n[connections.bench]\nkind = "bench"\nbase_url = "{target}"\ntenant = "acme"\nenvironment = "prod"\n'
            'read = "file:.ailyus/secrets/bench"\nwrite = "file:.ailyus/secrets/bench"\n'
        )
    path = folder / "contracts" / "bench"
    path.mkdir()
    (path / "get_value.yaml").write_text(
        CONTRACT.format(name="get_value", kind="read", more="") + 'outputs: {value: "${before.record.value}"}\n'
    )
    (path / "set_value.yaml").write_text(CONTRACT.format(name="set_value", kind="write", more=VALUE) + WRITE)
    policy = '@id("bench")\npermit (principal in Role::"Support", action in Action::"tag_records", resource);\n'
    (folder / "policies" / "bench.cedar").write_text(policy)
    return unbounded(Workspace.open(folder))


async def gateway(target: str, folder: Path) -> None:
    from server.cli.seed import seed_agent

    workspace = bench_workspace(folder / "w", target)
    app = App(workspace, workspace.release())
    async with running(app, 0) as url:
        await seed_agent(app)
        settle_interpreter()  # as `ailyus serve` does
        print(url, workspace.token_file("support-bot").read_text().strip(), flush=True)
        while await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
            print(app.store.commits, flush=True)


async def plain(app: Any) -> None:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}/mcp none", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = True
    await task


def main() -> None:
    import uvloop

    kind, target = sys.argv[1], sys.argv[2]
    folder = Path(tempfile.mkdtemp(prefix="ailyus-bench-"))
    try:
        with contextlib.suppress(KeyboardInterrupt):
            if kind == "gateway":
                uvloop.run(gateway(target, folder))
            else:
                uvloop.run(plain(served(echo if kind == "echo" else ByHand(target, folder))))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
