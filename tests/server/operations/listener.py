"""Somebody who is told: a webhook's receiver, and a gateway whose notices go to it and to a channel."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.workspace.free_port import free_port
from tests.world import Sandbox, World, app_serving, gateway, make_workspace

SETTINGS = """
[notices.leads]
webhook = "http://127.0.0.1:{port}/leads"
secret = "file:.ailyus/secrets/notices"
roles = ["SecurityLead"]
next = "everybody"
[notices.everybody]
connection = "slack"
channel = "#security"
sentence = true
[notices.operations]
webhook = "http://127.0.0.1:{port}/operations"
secret = "file:.ailyus/secrets/notices"
roles = ["Operations"]
[notices.elsewhere]
webhook = "http://127.0.0.1:{port}/elsewhere"
secret = "file:.ailyus/secrets/notices"
tenant = "globex"
[connections.slack]
kind = "slack"
base_url = "http://127.0.0.1:{sandbox}/acme/slack"
tenant = "acme"
environment = "prod"
read = "file:.ailyus/secrets/slack"
write = "file:.ailyus/secrets/slack"
principal = "ailyus"
"""
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def told(sandbox: Sandbox) -> list[dict[str, Any]]:
    """What was posted to the channel for security, beside what it began with."""
    posted = [m["message"] for m in sandbox.state()["acme"]["slack"]["messages"] if m["channel"] == "C0SECURITY1"]
    return posted[1:]


class Listener:
    def __init__(self) -> None:
        self.port = free_port()
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.refuse = 0
        self.status = 204

    async def take(self, request: Request) -> Response:
        self.seen.append((request.url.path, dict(request.headers), await request.body()))
        self.refuse -= 1
        return Response(status_code=503 if self.refuse >= 0 else self._status(request.url.path))

    def _status(self, path: str) -> int:
        return self.status if path == "/siem" else 204

    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, _, body in self.seen]


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    app = Starlette(routes=[Route("/{path:path}", listener.take, methods=["POST"])])
    async with app_serving(app, listener.port):
        yield listener


@asynccontextmanager
async def noticing(folder: Path, sandbox: Sandbox, more: str = "") -> AsyncIterator[tuple[World, Listener]]:
    async with listening() as listener:
        workspace = make_workspace(
            folder, sandbox, extra=SETTINGS.format(port=listener.port, sandbox=sandbox.port) + more
        )
        (workspace.root / ".ailyus" / "secrets" / "slack").write_text("slack-write-acme")
        (workspace.root / ".ailyus" / "secrets" / "notices").write_text(SECRET)
        async with gateway(workspace, sandbox) as world:
            yield world, listener
