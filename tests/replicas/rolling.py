"""A rolling restart under load: each replica is told to end, drains, ends and is started again, in turn.

Before the two stands a balancer for TCP that asks for `/readyz` (`tests/replicas/balancer.py`), or a real nginx, which
asks nobody: it sends to a replica that ends until that one takes no more connections. Both sides of HTTP may close a
connection that is idle, and a request that meets the close gets no answer: so clients and nginx keep theirs for half of
the drain, as `server/deploy/README.md` says.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.tls import no_trust
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.certificates import authority
from tests.nginx import proxying
from tests.replicas.balancer import balancing, says_yes
from tests.replicas.database import with_database
from tests.replicas.load import RECORDS, Load, not_once
from tests.replicas.pair import copied
from tests.slowness import scaled
from tests.until import until
from tests.world import Sandbox, Served, add_records, with_server

_UPSTREAM = """
  upstream gateways {{
    server 127.0.0.1:{} max_fails=1 fail_timeout=1s;
    server 127.0.0.1:{} max_fails=1 fail_timeout=1s;
    keepalive 64;
    keepalive_timeout {}s;
  }}
"""
_LOCATION = """
    location / {
      proxy_pass http://gateways;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header Forwarded "";
    }
"""
"""As `server/deploy/compose/nginx.conf` has it."""


def port_of(workspace: Workspace) -> int:
    return workspace.settings.server.port


async def ready(port: int) -> None:
    """Wait until the replica at this port says so."""
    async with asyncio.timeout(scaled(30)):
        while not await says_yes(port):
            await asyncio.sleep(0.02)


async def restart(one: Served) -> None:
    """Tell it to end, wait until it is gone, start it again, and wait until it is ready."""
    assert one.process is not None
    one.process.terminate()
    code = await asyncio.to_thread(one.process.wait, scaled(60))
    assert code == 0, (one.workspace.private / "serve.log").read_text()
    await asyncio.to_thread(one.start)
    await ready(port_of(one.workspace))


@dataclass
class Pair:
    """Two gateways as processes, and where what stands before them is."""

    served: Sequence[Served]
    load: Load


@asynccontextmanager
async def pair_served(
    folder: Path, sandbox: Sandbox, database: str, rate: float, drain: int, nginx: Path | None
) -> AsyncIterator[Pair]:
    """Two gateways over one database behind a balancer, or behind this nginx."""
    outer = free_port()
    lines = f'rate = 0\ndrain = "{drain}s"\nhosts = ["127.0.0.1:{outer}", "localhost:{outer}"]'
    if nginx is not None:
        lines += '\nforwarded = ["127.0.0.1"]\ntls_terminated_by = ["127.0.0.1"]'
    workspace = with_database(with_server(add_records(folder / "w", sandbox, timeout="5s"), lines), database)
    first = Served(workspace)
    await asyncio.to_thread(first.start)
    token = await asyncio.to_thread(first.token)
    second = Served(copied(workspace, folder / "other"))
    await asyncio.to_thread(second.start)
    served = (first, second)
    ports = [port_of(one.workspace) for one in served]
    try:
        for port in ports:
            await ready(port)
        if nginx is None:
            async with balancing(ports, outer):
                yield Pair(served, Load(f"http://127.0.0.1:{outer}/mcp", token, rate, no_trust(), drain / 2))
        else:
            (folder / "nginx").mkdir()
            upstream = _UPSTREAM.format(*ports, drain // 2)
            with proxying(nginx, folder / "nginx", authority(), _LOCATION, outer, upstream) as proxy:
                yield Pair(served, Load(f"{proxy.origin}/mcp", token, rate, authority().client(), drain / 2))
    finally:
        for one in served:
            await asyncio.to_thread(one.stop)


def fill(sandbox: Sandbox) -> None:
    """Records enough, so that few calls are about the same one."""
    state = sandbox.state()
    state["acme"]["records"]["records"] = {
        name: {"id": name, "version": "1", "value": "old", "events": []} for name in RECORDS
    }
    sandbox.put(state)


async def rolled(
    folder: Path,
    sandbox: Sandbox,
    database: str,
    rounds: int = 1,
    pace: tuple[float, int] = (50.0, 2),
    nginx: Path | None = None,
) -> tuple[Load, list[str]]:
    """Restart both so many times under load; the load, and what stands at the target otherwise than once.

    `pace` is the calls a second and the seconds of the drain.
    """
    fill(sandbox)
    async with pair_served(folder, sandbox, database, *pace, nginx) as pair:
        load, enough = pair.load, asyncio.Event()
        running = asyncio.create_task(load.run(enough))
        try:
            for one in [*pair.served] * rounds:
                before = len(load.sent)
                await until(lambda before=before: len(load.sent) > before + 20 or running.done(), 30)  # type: ignore[misc]
                await restart(one)
        finally:
            enough.set()
            await running
        if load.errors and nginx is not None:
            said = (folder / "nginx" / "error.log").read_text().splitlines()
            load.errors += [line for line in said if "[error]" in line]
        return load, not_once(load.sent, sandbox.state())
