"""Upstream servers that forget, start slowly or list oddly: the gateway goes on by itself, and says what it saw."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from adapters.credentials.cache import Credentials
from adapters.mcp.pool import Servers
from adapters.mcp.sessions import UpstreamSession
from adapters.mcp.stream_budget import Lost
from contracts.action.target import Mcp, Target
from server.workspace.free_port import free_port
from tests.slowness import scaled
from tests.upstream.odd import SCHEMA
from tests.world import ROOT, app_serving

ODD = str(ROOT / "tests" / "upstream" / "odd.py")


def target_of(mcp: Mcp) -> Target:
    return Target("odd", "odd", "", "acme", "staging", "none", "none", "p", mcp=mcp)


@asynccontextmanager
async def servers_of(root: Path, seconds: float = 20.0) -> AsyncIterator[Servers]:
    servers = Servers(Credentials(root), seconds)
    try:
        yield servers
    finally:
        await servers.close()


def odd(oddity: str, start_seconds: float = 0.0) -> Target:
    return target_of(Mcp(command=(sys.executable, ODD, oddity), start_seconds=start_seconds))


async def names(upstream: UpstreamSession) -> list[str]:
    return [str(tool["name"]) for tool in await upstream.tools()]


async def test_a_server_that_ends_on_anything_but_initialize_is_begun_with_the_handshake(tmp_path: Path) -> None:
    async with servers_of(tmp_path) as servers:
        upstream = await servers.of(odd("initialize first"), "", "none")
        assert await names(upstream) == ["first", "second"]


@pytest.mark.parametrize(
    ("oddity", "found", "logged"),
    [
        ("repeats", ["first", "second"] * 2, ["tools_cursor_repeats"]),
        ("empty cursor", ["first", "second"], ["tools_cursor_repeats"]),
        ("malformed", ["first", "second"], ["tool_malformed"] * 4),
        ("pages", [*(f"tool{n}" for n in range(29)), "first", "second"], []),
        ("endless", [f"tool{n}" for n in range(100)], ["tools_cut"]),
    ],
)
async def test_an_odd_list_is_read_as_far_as_it_goes(
    tmp_path: Path, oddity: str, found: list[str], logged: list[str]
) -> None:
    async with servers_of(tmp_path) as servers:
        upstream = await servers.of(odd(oddity), "", "none")
        with capture_logs() as logs:
            assert await names(upstream) == found
        assert [line["event"] for line in logs] == logged
        tool = "first" if "first" in found else "tool0"
        assert tool in await upstream.definitions(now=True)
        await upstream.call(tool, {})


async def test_one_tool_listed_twice_in_the_same_way_is_one_tool(tmp_path: Path) -> None:
    async with servers_of(tmp_path) as servers:
        alone = await (await servers.of(odd("plain"), "", "none")).definitions(now=True)
        assert await (await servers.of(odd("twins"), "", "none")).definitions(now=True) == alone


async def test_a_slow_start_goes_on_when_a_caller_has_no_more_time(tmp_path: Path) -> None:
    async with servers_of(tmp_path, 0.1) as servers:
        slow = odd("slow 2", start_seconds=scaled(30))
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await servers.of(slow, "", "none")
        (start,) = servers._opening.values()
        upstream = await servers.of(slow, "", "none")
        assert start.result() is upstream  # one process was started, by the first caller
        assert await names(upstream) == ["first", "second"]
        assert await servers.of(slow, "", "none") is upstream


async def test_a_server_is_started_before_anybody_calls_it(tmp_path: Path) -> None:
    async with servers_of(tmp_path) as servers:
        servers.warm([odd("plain"), target_of(Mcp(command=("nobody",), variables=(("KEY", "file:{person}"),)))])
        async with asyncio.timeout(scaled(20)):
            while not servers.sessions:
                await asyncio.sleep(0.02)
        (known,) = servers.sessions.values()
        assert await servers.of(odd("plain"), "", "none") is known


async def test_a_start_that_takes_too_long_is_said_and_tried_again(tmp_path: Path) -> None:
    async with servers_of(tmp_path, 0.2) as servers:
        with capture_logs() as logs, pytest.raises(Lost, match="does not answer"):
            await servers.of(odd("slow 60"), "", "none")
        (line,) = logs
        assert (line["event"], line["connection"], line["reason"]) == (
            "server_unavailable",
            "odd",
            "the server does not answer",
        )
        with pytest.raises(Lost):
            await servers.of(odd("slow 60"), "", "none")


FORGOTTEN = {
    "404 and no body": Response("", 404),
    "404 and -32600": JSONResponse({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "?"}}, 404),
    "404 and -32001": JSONResponse({"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "?"}}, 404),
}


@dataclass
class Forgetful:
    """A server of the handshake era over HTTP, which forgets its sessions when a test says so."""

    forgotten: Response
    url: str = ""
    sessions: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    calls: int = 0

    async def serve(self, request: Request) -> Response:
        if request.method != "POST":
            return Response("", 405)
        message = json.loads(await request.body())
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            name = f"s{len(self.sessions)}"
            self.sessions.append(name)
            self.known.add(name)
            about = {"capabilities": {"tools": {}}, "serverInfo": {"name": "forgetful", "version": "1"}}
            return self._result(number, {"protocolVersion": "2025-11-25", **about}, {"mcp-session-id": name})
        if method == "server/discover":
            error = {"code": -32601, "message": "no such method"}
            return JSONResponse({"jsonrpc": "2.0", "id": number, "error": error})
        if request.headers.get("mcp-session-id") not in self.known:
            return self.forgotten
        if number is None:
            return Response("", 202)
        if method == "tools/list":
            return self._result(number, {"tools": [{"name": "count", "inputSchema": SCHEMA}]})
        self.calls += 1
        return self._result(number, {"content": [{"type": "text", "text": str(self.calls)}]})

    @staticmethod
    def _result(number: object, result: object, headers: dict[str, str] | None = None) -> Response:
        return JSONResponse({"jsonrpc": "2.0", "id": number, "result": result}, headers=headers)


@pytest.mark.parametrize("how", FORGOTTEN)
async def test_a_session_that_the_server_forgot_is_followed_by_another(tmp_path: Path, how: str) -> None:
    forgetful = Forgetful(FORGOTTEN[how])
    port = free_port()
    app = Starlette(routes=[Route("/mcp", forgetful.serve, methods=["GET", "POST", "DELETE"])])
    async with app_serving(app, port), servers_of(tmp_path) as servers:
        target = target_of(Mcp(url=f"http://127.0.0.1:{port}/mcp"))
        upstream = await servers.of(target, "", "none")
        await upstream.call("count", {})
        forgetful.known.clear()
        with pytest.raises(Lost, match="no longer knows the session"):
            await upstream.call("count", {})
        again = await servers.of(target, "", "none")
        assert again is not upstream
        await again.call("count", {})
        assert (len(forgetful.sessions), forgetful.calls) == (2, 2)
