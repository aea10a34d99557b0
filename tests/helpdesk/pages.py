"""The helpdesk by its pages: what spoils them, and what a receipt then says."""

import contextlib
import os
import signal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.helpdesk.desk import Before, Desk

CHANGE = "/admin/helpdesk/ticket/1/change/"


HEAD = "</head>"


async def only_pages(request: Request, body: bytes) -> Response | None:
    """An API that changes nothing: every action goes through the pages."""
    if request.method == "PATCH":
        return JSONResponse({"detail": 'Method "PATCH" not allowed.'}, 405)
    return None


def then(hook: Before) -> Before:
    async def both(request: Request, body: bytes) -> Response | None:
        return await only_pages(request, body) or await hook(request, body)

    return both


def kill(desk: Desk) -> None:
    for pid in desk.world.app.adapters.browser.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def stopped(desk: Desk, words: str) -> dict[str, Any]:
    """One call that must end with nothing sent, a picture, and a person told."""
    answer = await desk.set_priority("high")
    assert answer["status"] == "not_applied", answer
    assert words in answer["summary"]
    assert answer["escalated_to"] == "support-oncall"
    assert desk.site.ticket()["priority"] == 3
    assert desk.front.count("POST", "/change/") == 0
    return answer
