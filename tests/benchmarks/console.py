"""`uv run python -m tests.benchmarks.console [--short]`: the inbox with 200 requests, and what viewers cost an agent."""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import httpx2

from server.workspace.settings.file import FILE
from tests.benchmarks.__main__ import ERA, META
from tests.console.authenticator import Authenticator, signed_in
from tests.web import web
from tests.world import MARIA, Sandbox, Served, cli, make_workspace, unbounded

VIEWERS = 50


async def call(http: httpx2.AsyncClient, url: str, token: str, tool: str, arguments: dict[str, str], key: str) -> bytes:
    """One governed call as a client of 2026-07-28 makes it."""
    meta = {**META, "dev.ailyus/caller-key": key}
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": meta},
    }
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": ERA,
        "mcp-method": "tools/call",
        "mcp-name": tool,
    }
    answer = await http.post(url, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.content


async def viewer(origin: str, cookie: str, ready: asyncio.Event) -> None:
    """One open page."""
    async with web(timeout=None) as http:
        async with http.stream("GET", f"{origin}/events", headers={"cookie": cookie}) as answer:
            assert answer.status_code == 200
            async for _ in answer.aiter_raw():
                ready.set()


async def measure(served: Served, url: str, pending: int, calls: int, blocks: int) -> None:
    """Print both, as numbers of one run."""
    root = str(served.workspace.root)
    token = served.token()
    link = (await asyncio.to_thread(cli, "person", "invite", "lead", "-w", root)).strip()
    origin = link.partition("/enrol/")[0]
    async with web(timeout=30) as http:
        cookie = await signed_in(http, link, Authenticator(origin))
        for number in range(pending):
            said = await call(http, url, token, "reset_user_mfa", MARIA, f"k{number}")
            assert b"approval_required" in said, said
        times = []
        for _ in range(calls // 10 or 5):
            answer = await http.get(f"{origin}/inbox", headers={"cookie": cookie})
            assert answer.text.count('href="/approvals/') == pending
            times.append(float(answer.headers["server-timing"].partition("dur=")[2]))
        print(f"inbox with {pending} pending: {statistics.median(times):.0f} ms server time (worst {max(times):.0f})")
        alone: list[float] = []
        watched: list[float] = []
        for _ in range(blocks):
            alone.append(await block(http, url, token, calls))
            events = [asyncio.Event() for _ in range(VIEWERS)]
            tasks = [asyncio.create_task(viewer(origin, cookie, event)) for event in events]
            await asyncio.wait_for(asyncio.gather(*(event.wait() for event in events)), 20)
            watched.append(await block(http, url, token, calls))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(1.2)
        ratios = [after / before for before, after in zip(alone, watched, strict=True)]
        print(
            f"governed read: {statistics.median(alone):.2f} ms alone, {statistics.median(watched):.2f} ms with"
            f" {VIEWERS} viewers: {statistics.median(ratios):.2f} x"
        )


async def block(http: httpx2.AsyncClient, url: str, token: str, calls: int) -> float:
    """The median of so many governed reads, in milliseconds."""
    times = []
    for number in range(calls):
        start = time.perf_counter()
        said = await call(http, url, token, "find_user", {"email": "maria@example.com"}, f"r{number}")
        times.append((time.perf_counter() - start) * 1000)
        assert b"confirmed" in said
    return statistics.median(times)


def main() -> None:
    """Start the gateway as a process of its own, measure, stop it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    short = parser.parse_args().short
    sandbox = Sandbox()
    with tempfile.TemporaryDirectory() as folder:
        waiting = "\n[approvals]\npending_per_agent = 500\npending_per_tenant = 500\n"
        workspace = make_workspace(Path(folder) / "w", sandbox, extra=waiting)
        served = Served(unbounded(workspace))
        assert (workspace.root / FILE).exists()
        try:
            url = served.start()
            asyncio.run(measure(served, url, 20 if short else 200, 20 if short else 300, 1 if short else 7))
        finally:
            served.stop()
            sandbox.close()


if __name__ == "__main__":
    main()
