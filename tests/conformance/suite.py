"""The official conformance suite (@modelcontextprotocol/conformance), run against a gateway with the fixtures."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server.listener.http_server import listen, serving
from server.workspace.public_address import ListenAddress, public_address
from tests.conformance.fixtures import Fixtures
from tests.node import node, packages
from tests.world import Sandbox, gateway, make_workspace

PACKAGE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
REVISIONS = ("2025-11-25", "2026-07-28")
UNSCORED = {
    "server-sse-polling": "pending in the suite itself; closing streams on purpose so that clients poll is optional",
}
"""Scenarios that the suite runs and scores for no revision, and that do not hold here; no scored one is among them."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one run said: scenarios that ran, and the checks that failed as `scenario:check: why`."""

    scenarios: frozenset[str]
    failed: tuple[str, ...]
    warned: tuple[str, ...]
    text: str

    @property
    def missed(self) -> list[str]:
        """The checks that failed, but for the scenarios of `UNSCORED`."""
        return [line for line in self.failed if line.partition(":")[0] not in UNSCORED]


class _AsAgent:
    """The suite has no place for a token: it comes as the seeded agent. Everything behind this is the gateway."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["headers"] = [*scope["headers"], (b"authorization", f"Bearer {self._token}".encode())]
        await self._app(scope, receive, send)


@asynccontextmanager
async def profile(folder: Path, sandbox: Sandbox) -> AsyncIterator[str]:
    """The address of a gateway with the suite's fixtures."""
    async with gateway(make_workspace(folder, sandbox), sandbox) as world:
        app = world.app
        Fixtures(app.gateway)
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        settings = app.workspace.settings.server.model_copy(update={"rate": 0})
        address = public_address(app.workspace.settings, ListenAddress("127.0.0.1", port))
        front = app.gateway.app(address, Response("no console here", 404), settings)
        async with serving(_AsAgent(front, world.token), [listener]):
            try:
                yield f"http://localhost:{port}/mcp"
            finally:
                front.close()


def run(url: str, revision: str, folder: Path, *more: str) -> Report:
    """Every scenario that a revision requires, and those of extensions."""
    home = packages(PACKAGE)
    entry = home / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    which = more or ("--requirements", revision)
    said = node(home, str(entry), "server", "--url", url, "-o", str(folder), *which, seconds=240, ok=False)
    failed, warned, names = [], [], set()
    for file in sorted(folder.rglob("checks.json")):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT.*$", "", file.parent.name.removeprefix("server-"))
        names.add(scenario)
        checks: list[dict[str, Any]] = json.loads(file.read_text())
        for check in checks:
            line = f"{scenario}:{check['id']}: {check.get('errorMessage', '')}"
            if check["status"] == "FAILURE":
                failed.append(line)
            elif check["status"] == "WARNING":
                warned.append(line)
    return Report(frozenset(names), tuple(failed), tuple(warned), said)
