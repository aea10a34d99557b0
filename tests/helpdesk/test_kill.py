"""The gateway dies while its browser is at work: before the commit nothing was sent, after it the record decides."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.helpdesk.desk import Site, desk_workspace, front_of
from tests.helpdesk.pages import CHANGE, only_pages
from tests.journeys.served import call_tool, rows_of, token_of
from tests.until import until
from tests.world import Sandbox, Served


def browsers_below(pid: int) -> list[int]:
    """The processes of the browser that a gateway started."""
    from tests.benchmarks.pages import tree

    return [child for child in tree(pid) if "chrom" in _command(child)]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_gateway_dies(tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str, when: str) -> None:
    async with front_of(site) as front:
        workspace = desk_workspace(tmp_path / "w", sandbox, front, seconds=9, patience="8s", part=browser_part)
        served = Served(workspace)
        left: list[int] = []

        async def hook(request: Request, body: bytes) -> Response | None:
            point = ("POST" if when == "after" else "GET", CHANGE)
            if (request.method, request.url.path) != point or left:
                return await only_pages(request, body)
            answer = await front.passed(request, body) if when == "after" else None
            assert served.process is not None
            left.extend(browsers_below(served.process.pid))
            await asyncio.to_thread(served.kill)
            return answer or Response(status_code=502)

        front.before = hook
        arguments = {"ticket_id": "1", "priority": "high"}
        try:
            url = await asyncio.to_thread(served.start)
            token = await token_of(workspace)
            asking = asyncio.create_task(call_tool(url, token, "set_ticket_priority", arguments))
            await until(lambda: left and served.process and served.process.poll() is not None, 30)
            asking.cancel()  # its answer never comes
            await asyncio.gather(asking, return_exceptions=True)
            await until(lambda: not any("chrom" in _command(pid) for pid in left))  # no browser outlives its gateway
            url = await asyncio.to_thread(served.start)
            answer = await call_tool(url, token, "set_ticket_priority", arguments)
            while answer["status"] == "running":
                wait = {"action_id": answer["action_id"], "wait_seconds": 30}
                answer = await call_tool(url, token, "get_action", wait)
            assert answer["status"] == "confirmed", answer
            assert site.ticket()["priority"] == 2
            assert front.count("POST", CHANGE) == 1
            assert rows_of(workspace, "SELECT count(*) FROM intents WHERE state = 'intent'") == [(0,)]
        finally:
            served.stop()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
