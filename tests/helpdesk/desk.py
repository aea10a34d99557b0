"""The helpdesk with something in front of it that spoils pages and answers, and a gateway that governs it."""

import asyncio
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.schema.fields import milliseconds
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.slowness import scaled_duration
from tests.web import blocking_web, web
from tests.world import ROOT, Sandbox, World, app_serving, gateway, make_workspace

CONNECTION = """
[connections.{name}]
kind = "helpdesk"
base_url = "http://127.0.0.1:{port}"
tenant = "acme"
environment = "staging"
scheme = "Token"
read = "file:.ailyus/secrets/helpdesk-read"
write = "file:.ailyus/secrets/helpdesk-write"
principal = "ailyus"
direct = true
max_timeout = "{api}"
max_settle = "{settle}"
{more}
[connections.{name}.browser]
login = "file:.ailyus/secrets/{login}"
principal = "{account}"
max_timeout = "{seconds}"
{browser}
"""


class Site:
    """django-helpdesk as a process on a free port, ended by its own process id."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "tests.helpdesk.site", str(self.port), str(folder / "helpdesk.db")]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.http = blocking_web(base_url=self.url, timeout=20)
        for _ in range(200):
            try:
                self.http.get("/_test/accepts", params={"username": "x", "password": "y"})
                break
            except httpx2.TransportError:
                time.sleep(0.05)

    def reset(self) -> None:
        assert self.http.get("/_test/reset").status_code == 200

    def sign_out(self) -> None:
        assert self.http.get("/_test/sign_out").status_code == 200

    def accepts(self, username: str, password: str) -> bool:
        return self.http.get("/_test/accepts", params={"username": username, "password": password}).text == "yes"

    def ticket(self, number: int = 1) -> dict[str, Any]:
        headers = {"authorization": "Token " + "reader".ljust(40, "0")}
        return dict(self.http.get(f"/api/tickets/{number}/", headers=headers).json())

    def close(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the site, which can be given again."""

    content: bytes
    status: int
    headers: list[tuple[bytes, bytes]]

    def again(self) -> Response:
        answer = Response(self.content, self.status)
        answer.raw_headers = list(self.headers)
        return answer


_STATIC: dict[str, Answer] = {}
"""Pictures, styles and scripts of the site, thirty for each page: they are the same at every site."""
Before = Callable[[Request, bytes], Awaitable[Response | None]]


@dataclass
class Front:
    """A reverse proxy: `before` may answer itself, `rewrites` change pages (path pattern, old, new)."""

    site: Site
    url: str = ""
    before: Before | None = None
    rewrites: list[tuple[str, str, str]] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    later: list[asyncio.Task[Any]] = field(default_factory=list)

    def count(self, method: str, match: str = "") -> int:
        return sum(m == method and match in path for m, path in self.seen)

    def rewrite(self, path: str, old: str, new: str) -> None:
        self.rewrites.append((path, old, new))

    async def serve(self, request: Request) -> Response:
        body = await request.body()
        self.seen.append((request.method, request.url.path))
        if self.before is not None and (answer := await self.before(request, body)) is not None:
            return answer
        return await self.passed(request, body)

    async def passed(self, request: Request, body: bytes) -> Response:
        headers = {k: v for k, v in request.headers.items() if k not in ("content-length", "connection")}
        headers["accept-encoding"] = "identity"
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if path in _STATIC:
            return _STATIC[path].again()
        async with web(timeout=20) as http:  # one for each request: a client would keep the cookies of all browsers
            found = await http.request(request.method, self.site.url + path, headers=headers, content=body)
        content = found.content
        if "html" in found.headers.get("content-type", ""):
            text = found.text
            for pattern, old, new in self.rewrites:
                if re.fullmatch(pattern, request.url.path):
                    assert old in text or request.method != "GET", f"{old} is not on {request.url.path}"
                    text = text.replace(old, new)
            content = text.encode()
        left_out = (b"content-length", b"transfer-encoding")
        raw = [(k, v) for k, v in found.headers.raw if k.lower() not in left_out]
        answer = Answer(content, found.status_code, [*raw, (b"content-length", str(len(content)).encode())])
        if request.method == "GET" and path.startswith("/static/") and found.status_code == 200:
            _STATIC[path] = answer
        return answer.again()


@asynccontextmanager
async def front_of(site: Site) -> AsyncIterator[Front]:
    front = Front(site)
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    app = Starlette(routes=[Route("/{path:path}", front.serve, methods=methods)])
    port = free_port()
    front.url = f"http://127.0.0.1:{port}"
    try:
        async with app_serving(app, port):
            yield front
    finally:
        for one in front.later:
            one.cancel()
        await asyncio.gather(*front.later, return_exceptions=True)


def desk_workspace(
    folder: Path,
    sandbox: Sandbox,
    front: Front,
    *,
    account: str = "ailyus",
    seconds: int = 12,
    api: str = "1s",
    patience: str = "3500ms",
    part: str = "",
    more: str = "",
    browser: str = "",
    names: tuple[str, ...] = ("helpdesk",),
) -> Workspace:
    """A sandbox workspace that governs the helpdesk too."""
    port = int(front.url.rsplit(":", 1)[1])
    extra = "".join(
        CONNECTION.format(
            name=name,
            port=port,
            login=f"{name}-login",
            account=account,
            seconds=scaled_duration(f"{seconds}s"),
            more=more,
            browser=browser,
            api=scaled_duration(api),
            settle=scaled_duration("300ms"),
        )
        for name in names
    )
    extra += part
    workspace = make_workspace(folder, sandbox, extra=extra)
    contracts = folder / "contracts" / "helpdesk"
    shutil.copytree(ROOT / "contracts" / "library" / "helpdesk", contracts)
    for flow in contracts.glob("flow_*.yaml"):  # nobody wants to wait five seconds for what is not there
        # a flow may have a minute of patience at most, however slow the machine is
        longest = min(milliseconds(scaled_duration(patience)), 60_000)
        flow.write_text(flow.read_text() + f"patience: {longest}ms\n")
    shutil.copy(ROOT / "policies" / "library" / "helpdesk.cedar", folder / "policies")
    secrets = folder / ".ailyus" / "secrets"
    (secrets / "helpdesk-read").write_text("reader".ljust(40, "0"))
    (secrets / "helpdesk-write").write_text("ailyus".ljust(40, "0"))
    for name in names:
        (secrets / f"{name}-login").write_text(f"{account}:{account}-pass-1")
    return workspace


@dataclass
class Desk:
    """One world with the helpdesk in it."""

    world: World
    front: Front
    site: Site

    async def set_priority(self, priority: str = "high", ticket: int = 1) -> dict[str, Any]:
        return await self.world.approved("set_ticket_priority", {"ticket_id": str(ticket), "priority": priority})

    def pages(self, receipt: str) -> dict[str, bytes]:
        """The pictures that an outcome holds, by label."""
        rows = self.world.rows(
            "SELECT e.label, e.data FROM evidence AS e JOIN statements AS s ON s.leaf_index = e.leaf_index"
            " WHERE s.id = ? AND e.label LIKE 'page/%'",
            receipt,
        )
        return {str(label): bytes(data) for label, data in rows}


@asynccontextmanager
async def desk_of(
    folder: Path, sandbox: Sandbox, site: Site, prepare: Callable[[Path], None] = lambda folder: None, **how: Any
) -> AsyncIterator[Desk]:
    async with front_of(site) as front:
        workspace = desk_workspace(folder, sandbox, front, **how)
        prepare(folder)
        async with gateway(workspace, sandbox) as world:
            yield Desk(world, front, site)
