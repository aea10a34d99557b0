"""A gateway over one connection to tests/upstream/server.py, and the file that the server obeys."""

import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx2

from contracts.action.mcp_request import definition_of
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.forks import Forked
from tests.upstream.port import serve
from tests.upstream.server import schema
from tests.world import ROOT, Sandbox, World, gateway, make_workspace

POLICY = """
@id("support-may-use-people")
permit (principal in Role::"Support", action in
  [Action::"get_person", Action::"set_person_status", Action::"offboard_person"], resource);
"""
CONNECTION = """
[connections.people]
kind = "people"
tenant = "acme"
environment = "{environment}"
read = "none"
write = "none"
principal = "people-server"
max_settle = "300ms"

[connections.people.mcp]
{way}
"""
USERS = {f"u{n}": {"id": f"u{n}", "name": f"Person {n}", "status": "active"} for n in range(1, 5)}
PINS = {
    "get_user": definition_of({"name": "get_user", "description": "One user.", "inputSchema": schema("user_id")}),
    "set_status": definition_of(
        {
            "name": "set_status",
            "description": "Set the status of a user.",
            "inputSchema": schema("user_id", "status"),
        }
    ),
}
Way = Literal["pipes", "http"]


@dataclass
class Staff:
    """The gateway and the server's file."""

    world: World
    file: Path
    process: Forked | None = None

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def become(self, **changes: Any) -> None:
        scratch = self.file.with_suffix(".becoming")  # the server may be reading
        scratch.write_text(json.dumps({**self.state(), **changes}))
        scratch.rename(self.file)

    def calls(self, tool: str) -> int:
        return sum(call[0] == tool for call in self.state()["calls"])

    async def set(self, status: str = "suspended", user: str = "u1") -> dict[str, Any]:
        return await self.world.approved("set_person_status", {"user_id": user, "status": status})

    async def get(self, user: str = "u1") -> dict[str, Any]:
        return await self.world.call("get_person", {"user_id": user})


def put_contracts(folder: Path) -> None:
    target = folder / "contracts" / "people"
    shutil.copytree(ROOT / "tests" / "upstream" / "contracts", target)
    for file in target.iterdir():
        text = file.read_text()
        for tool, pin in PINS.items():
            text = text.replace(f"PIN {tool}", pin)
        file.write_text(text)


@contextmanager
def staff_workspace(
    folder: Path, sandbox: Sandbox, way: Way, more: str = "", quiet: bool = False, environment: str = "staging"
) -> Iterator[tuple[Workspace, Path, Forked | None]]:
    """The workspace, the server's file, and the server where it is not the gateway that starts it."""
    file = folder / "state.json"
    folder.mkdir(parents=True)
    file.write_text(json.dumps({"users": USERS, "calls": [], "quiet": quiet}))
    process = None
    if way == "http":
        port = free_port()
        with (folder / "server.log").open("ab") as log:
            process = Forked((str(file), str(port)), ROOT, log, log, entry=serve)
        wait(port)
        text = f'url = "http://127.0.0.1:{port}/mcp"\n'
    else:
        command = [sys.executable, "-m", "tests.upstream.server", str(file)]
        text = f'command = {json.dumps(command)}\ndirectory = "{ROOT}"\n'
    try:
        workspace = make_workspace(
            folder / "w", sandbox, extra=CONNECTION.format(way=text + more, environment=environment)
        )
        put_contracts(workspace.root)
        (workspace.root / "policies" / "people.cedar").write_text(POLICY)
        yield Workspace.open(workspace.root), file, process
    finally:
        if process:
            process.kill()
            process.wait()


@asynccontextmanager
async def staff_of(folder: Path, sandbox: Sandbox, way: Way, **how: Any) -> AsyncIterator[Staff]:
    with staff_workspace(folder, sandbox, way, **how) as (workspace, file, process):
        async with gateway(workspace, sandbox) as world:
            yield Staff(world, file, process)


def wait(port: int) -> None:
    for _ in range(300):
        try:
            httpx2.get(f"http://127.0.0.1:{port}/", trust_env=False, verify=False)
            return
        except httpx2.TransportError:
            time.sleep(0.05)
