"""`uv run python -m tests.benchmarks.upstream [--short]`: a governed read by an upstream tool against the direct call."""

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from contracts.drafts.draft import DraftInput
from server.workspace.contract_drafts import import_mcp
from server.workspace.upstream_server import UpstreamServer
from server.workspace.workspace import Workspace
from tests.upstream.people import Way, staff_workspace
from tests.web import web
from tests.world import ROOT, Sandbox, Served, make_workspace, unbounded

GIT = "uvx -q mcp-server-git==2026.10.19"


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
        served = Served(unbounded(workspace))
        url = await asyncio.to_thread(served.start)
        try:
            yield workspace, url, served.token()
        finally:
            await asyncio.to_thread(served.stop)


Call = tuple[str, dict[str, str]]


async def compared(
    name: str,
    server: str | StdioServerParameters,
    one: Call,
    url: str,
    token: str,
    other: Call,
    calls: int,
    blocks: int,
) -> None:
    """Print the direct and the governed call of one tool, in turns, with a session each that stays open."""
    ratios, directs, governeds = [], [], []
    headers = {"authorization": f"Bearer {token}"}
    async with (
        Client(server, cache=None) as direct,
        web(headers=headers, timeout=60.0) as http,
        Client(streamable_http_client(url, http_client=http), cache=None) as governed,
    ):
        for _ in range(blocks):
            directs.append(await p50(calls, lambda: direct.call_tool(*one)))
            governeds.append(await p50(calls, lambda: governed.call_tool(*other)))
            ratios.append((governeds[-1] - directs[-1]) / directs[-1])
        answer = await governed.call_tool(*other)
        assert (answer.structured_content or {})["status"] == "confirmed", answer
    print(
        f"{name}: direct {statistics.median(directs):.2f} ms, governed {statistics.median(governeds):.2f} ms, "
        f"added {statistics.median(ratios):.2f}x a direct call (p50)"
    )


async def measure(folder: Path, sandbox: Sandbox, calls: int, blocks: int) -> None:
    """A server that does next to nothing, in both ways; then one that does something, from the registry."""
    ways: tuple[Way, ...] = ("http",) if blocks == 1 else ("http", "pipes")
    for way in ways:
        async with serving(folder / way, sandbox, way) as (workspace, url, token):
            part = workspace.settings.connections["people"].mcp
            assert part is not None
            server = part.url or StdioServerParameters(command=part.command[0], args=list(part.command[1:]), cwd=ROOT)
            one: Call = ("get_user", {"user_id": "u1"})
            await compared(way, server, one, url, token, ("get_person", {"user_id": "u1"}), calls, blocks)
    if blocks > 1:
        await git(folder / "git", sandbox, calls, blocks)


async def git(folder: Path, sandbox: Sandbox, calls: int, blocks: int) -> None:
    """The branches of a repository, by the git server of the registry."""
    workspace = make_workspace(folder / "w", sandbox)
    notes = workspace.root / "notes"
    subprocess.run(["git", "init", "-q", str(notes)], check=True)  # noqa: S607
    named = UpstreamServer(GIT, "git", ("git_branch",), fixed={"repo_path": str(notes), "branch_type": "local"})
    said = DraftInput("low", "GitRepository=notes", "List the branches of the notes.")
    await asyncio.to_thread(import_mcp, workspace, named, said)
    policy = (
        '@id("support-may-list")\npermit (principal in Role::"Support", action == Action::"git_branch", resource);\n'
    )
    (workspace.root / "policies" / "git.cedar").write_text(policy)
    served = Served(unbounded(workspace))
    url = await asyncio.to_thread(served.start)
    try:
        command = GIT.split()
        server = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
        one: Call = ("git_branch", {"repo_path": str(notes), "branch_type": "local"})
        await compared("git", server, one, url, served.token(), ("git_branch", {}), calls, blocks)
    finally:
        await asyncio.to_thread(served.stop)


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
