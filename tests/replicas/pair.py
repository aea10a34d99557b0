"""Two gateways in this process, each with a copy of the workspace, over one database."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.workspace.free_port import free_port
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.world import Sandbox, World, gateway


@dataclass
class Pair:
    """Where they are."""

    a: World
    b: World


def copied(workspace: Workspace, folder: Path) -> Workspace:
    """What another machine is given: files, keys and secrets, and nothing that a replica keeps for itself."""
    mine = shutil.ignore_patterns("owner*.json", "door-*.sock", "store.db.*", "*.head", "serve.log", "roots.json")
    shutil.copytree(workspace.root, folder, ignore=mine)
    path = folder / FILE
    port = workspace.settings.server.port
    path.write_text(path.read_text().replace(f"[server]\nport = {port}\n", f"[server]\nport = {free_port()}\n"))
    return Workspace.open(folder)


@asynccontextmanager
async def pair_of(workspace: Workspace, sandbox: Sandbox) -> AsyncIterator[Pair]:
    async with (
        gateway(workspace, sandbox) as a,
        gateway(copied(workspace, workspace.root.with_name("replica")), sandbox) as b,
    ):
        yield Pair(a, b)
