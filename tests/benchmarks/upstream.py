"""`uv run python -m tests.benchmarks.upstream [--short]`: a governed read by an upstream tool against the direct call."""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from server.settings import Workspace
from tests.upstream.people import Way, staff_workspace
from tests.world import ROOT, Sandbox, Served


async def p50(calls: int, one: Callable[[], Awaitable[object]]) -> float:
    """The median of so many calls, one after the other, in milliseconds."""
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        await one()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


@asynccontextmanager
async def serving(folder: Path, sandbox: Sandbox, way: Way) -> AsyncIterator[tuple[Workspace, str, str]]:
    """A gateway as a process of its own, over a server that notes nothing down."""
    with staff_workspace(folder, sandbox, way, quiet=True) as (workspace, _, _):
        served = Served(workspace)
        url = await asyncio.to_thread(served.start)
        try:
            yield workspace, url, served.token()
        finally:
            await asyncio.to_thread(served.stop)


async def measure(folder: Path, sandbox: Sandbox, calls: int, blocks: int) -> None:
    """Print both ways of connecting, as numbers of one run, in turns."""
    for way in ("http", "pipes")[: 1 if blocks == 1 else 2]:
        async with serving(folder / way, sandbox, "http" if way == "http" else "pipes") as (workspace, url, token):
            connection = workspace.settings.connections["people"].mcp
            assert connection is not None
            command = list(connection.command)
            server = connection.url or StdioServerParameters(command=command[0], args=command[1:], cwd=ROOT)
            ratios, directs, governeds = [], [], []
            headers = {"authorization": f"Bearer {token}"}
            async with (
                Client(server, cache=None) as direct,
                httpx2.AsyncClient(headers=headers, timeout=60.0, trust_env=False) as http,
                Client(streamable_http_client(url, http_client=http), cache=None) as governed,
            ):
                for _ in range(blocks):
                    there = await p50(calls, lambda: direct.call_tool("get_user", {"user_id": "u1"}))
                    here = await p50(calls, lambda: governed.call_tool("get_person", {"user_id": "u1"}))
                    directs.append(there)
                    governeds.append(here)
                    ratios.append((here - there) / there)
                answer = await governed.call_tool("get_person", {"user_id": "u1"})
                assert (answer.structured_content or {})["data"]["user"]["id"] == "u1"
            print(
                f"{way}: direct {statistics.median(directs):.2f} ms, governed {statistics.median(governeds):.2f} ms, "
                f"added {statistics.median(ratios):.2f}x a direct call (p50)"
            )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    short = parser.parse_args().short
    calls, blocks = (20, 1) if short else (200, 5)
    sandbox = Sandbox()
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measure(Path(folder), sandbox, calls, blocks))
    finally:
        sandbox.close()


if __name__ == "__main__":
    main()
