"""The workspace of a rehearsal: the same contracts and credentials, a policy that permits, and nobody who is called."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from adapters.tls import no_trust
from server.contract_testing.sandbox_process import start_sandbox
from server.workspace.free_port import free_port
from server.workspace.settings.observability import LogsPart
from server.workspace.settings.person import PersonPart
from server.workspace.settings.server import ServerPart
from server.workspace.settings.store import LogPart
from server.workspace.workspace import Workspace


@asynccontextmanager
async def rehearsal_workspace(workspace: Workspace) -> AsyncIterator[tuple[Workspace, Callable[[], Awaitable[None]]]]:
    """A workspace of its own: the same contracts and credentials, a policy that permits, nobody who is called."""
    settings = workspace.settings
    twin, port = None, free_port()
    connections = dict(settings.connections)
    if settings.sandbox is not None:
        # the workspace's own twins may serve somebody: these are others, on a port of their own
        twin = start_sandbox(port, None)
        old, new = f"127.0.0.1:{settings.sandbox.port}", f"127.0.0.1:{port}"
        for name, part in connections.items():
            connections[name] = part.model_copy(update={"base_url": part.base_url.replace(old, new)})
    state: list[bytes] = []

    async def set_back() -> None:
        if twin is None:
            return
        async with httpx2.AsyncClient(
            trust_env=False, verify=no_trust(), base_url=f"http://127.0.0.1:{port}/_sandbox"
        ) as http:
            if not state:  # asked for before the first fault, so that it is the state that nothing has touched
                state.append((await http.get("/state")).content)
            await http.put("/state", content=state[0])

    people = settings.people or tuple(
        PersonPart(name="rehearsal", tenant=tenant) for tenant in sorted({c.tenant for c in connections.values()})
    )
    # nobody is called at night by a rehearsal: no escalation and no notice has anywhere to go
    changed: dict[str, object] = {"connections": connections, "people": people, "sandbox": None}
    changed |= {"escalations": {}, "notices": {}}
    # the gateway that serves may be scraped meanwhile; and what is rehearsed is told by a table, and by no log
    changed |= {"metrics": None, "telemetry": None, "logs": LogsPart(level="warning")}
    # INVARIANT: nothing of a rehearsal stands in the workspace's store, and its log's key signs none of it
    changed |= {"store": None, "log": LogPart(), "server": ServerPart()}
    try:
        with tempfile.TemporaryDirectory(prefix="ailyus-rehearsal-") as name:
            folder = Path(name)
            shutil.copytree(workspace.root / "contracts", folder / "contracts")
            (folder / "policies").mkdir()
            (folder / "policies" / "rehearsal.cedar").write_text(
                '@id("rehearsal")\npermit (principal, action, resource);\n'
            )
            (folder / ".ailyus").mkdir(mode=0o700)
            if (workspace.private / "secrets").exists():
                # a link: credentials are never copied
                (folder / ".ailyus" / "secrets").symlink_to(workspace.private / "secrets")
            yield Workspace(folder, settings.model_copy(update=changed)), set_back
    finally:
        if twin is not None:
            twin.kill()
            twin.wait()
            # a pipe that is left to the collector is a ResourceWarning, which tests take for an error
            for stream in (twin.stdin, twin.stdout):
                if stream:
                    stream.close()
