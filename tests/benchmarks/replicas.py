"""`uv run python -m tests.benchmarks.replicas [--short]`: one replica against two at equal load, and 1,000 that wait.

CPU is that of the gateways' processes, in milliseconds for each governed write. Then so many requests wait for people:
what a replica spends on them while nothing happens, how many tasks it has, how soon one goes on once it is approved.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.benchmarks.__main__ import one_caller
from tests.postgres import Postgres, serving
from tests.replicas.pair import copied
from tests.world import MARIA, Sandbox, Served, add_records, gateway, unbounded

CALLERS = 16
WAITING = """
[approvals]
pending_per_agent = 5000
pending_per_tenant = 5000
"""


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def workspace_at(folder: Path, sandbox: Sandbox, url: str) -> Workspace:
    workspace = unbounded(add_records(folder, sandbox))
    if not url:
        return workspace
    (workspace.private / "secrets" / "store").write_text(url + "\n")
    path = workspace.root / FILE
    path.write_text(path.read_text() + '\n[store]\nurl = "file:.ailyus/secrets/store"\n' + WAITING)
    return Workspace.open(workspace.root)


async def load(sandbox: Sandbox, workspace: Workspace, replicas: int, count: int) -> tuple[float, float, float]:
    """Milliseconds of CPU for each write, writes a second, and p50 in ms."""
    served = [Served(workspace)]
    urls = [await asyncio.to_thread(served[0].start)]
    token = await asyncio.to_thread(served[0].token)
    for number in range(1, replicas):
        served.append(Served(copied(workspace, workspace.root.with_name(f"{workspace.root.name}-{number}"))))
        urls.append(await asyncio.to_thread(served[-1].start))
    records = [f"r{n}" for n in range(CALLERS)]
    state = sandbox.state()
    state["acme"]["records"]["records"] = {r: {"id": r, "version": "1", "value": "old", "events": []} for r in records}
    sandbox.put(state)
    letters = itertools.cycle("abcdefghijklmnopqrstuvwxyz")
    times: list[float] = []

    async def everybody(each: int) -> None:
        await asyncio.gather(
            *(
                one_caller(
                    urls[n % replicas],
                    token,
                    "set_value",
                    lambda r=r: {"record": r, "value": next(letters) * 3},
                    each,
                    times,
                )
                for n, r in enumerate(records)
            )
        )

    await everybody(3)
    times.clear()
    before, start = sum(cpu(s.process.pid) for s in served if s.process), time.perf_counter()
    await everybody(count // CALLERS)
    took = time.perf_counter() - start
    used = sum(cpu(s.process.pid) for s in served if s.process) - before
    for one in served:
        await asyncio.to_thread(one.stop)
    done = count // CALLERS * CALLERS
    return used / done * 1000, done / took, statistics.median(times) * 1000


async def waiting(sandbox: Sandbox, workspace: Workspace, count: int, seconds: float) -> str:
    """What so many requests that wait for people cost."""
    state = sandbox.state()
    okta = state["acme"]["okta"]
    names = [f"00u9wait{n:05}" for n in range(count)]
    for name in names:
        okta["users"][name] = {**okta["users"][MARIA["user_id"]], "id": name}
        okta["factors"][name] = [{**f, "id": f"{f['id']}{name}"} for f in okta["factors"][MARIA["user_id"]]]
    sandbox.put(state)
    async with gateway(workspace, sandbox) as world:
        idle = Served(copied(workspace, workspace.root.with_name("idle")))
        await asyncio.to_thread(idle.start)
        assert idle.process
        asked: list[str] = []
        todo = iter(names)

        async def caller() -> None:
            async with world.client() as client:
                for name in todo:
                    arguments: dict[str, Any] = {**MARIA, "user_id": name}
                    result = await client.call_tool("reset_user_mfa", arguments)
                    asked.append(str((result.structured_content or {})["action_id"]))

        await asyncio.sleep(1.0)
        tasks, at = len(asyncio.all_tasks()), cpu(idle.process.pid)
        await asyncio.sleep(seconds)
        without = (cpu(idle.process.pid) - at) / seconds * 100
        await asyncio.gather(*(caller() for _ in range(8)))
        await asyncio.sleep(2.0)
        more, at = len(asyncio.all_tasks()) - tasks, cpu(idle.process.pid)
        await asyncio.sleep(seconds)
        share = (cpu(idle.process.pid) - at) / seconds * 100
        for action in asked[: max(20, count // 10)]:
            await world.approve(action)
        while world.rows("SELECT 1 FROM actions WHERE state IN ('ready', 'running')"):
            await asyncio.sleep(0.2)
        sql = (
            "SELECT a.sent_ms - max(p.at_ms) FROM actions AS a JOIN approvals AS p ON p.action_id = a.id"
            " WHERE a.sent_ms > 0 GROUP BY a.id, a.sent_ms ORDER BY 1"
        )
        woken = [int(ms) for (ms,) in world.rows(sql)]
        await asyncio.to_thread(idle.stop)
    p99 = woken[min(len(woken) - 1, int(len(woken) * 0.99))]
    return (
        f"{count} wait: {more} more tasks; an idle replica uses {share:.2f} % of a core, {without:.2f} % with none waiting;"
        f" {len(woken)} approved go on after p50 {statistics.median(woken):.0f} ms, p99 {p99} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    short = parser.parse_args().short
    sandbox = Sandbox()
    try:
        with serving() as server, tempfile.TemporaryDirectory() as name:
            asyncio.run(everything(server, sandbox, Path(name), short))
    finally:
        sandbox.close()


async def everything(server: Postgres, sandbox: Sandbox, folder: Path, short: bool) -> None:
    measured = []
    workspace = workspace_at(folder / "file", sandbox, "")
    count = 160 if short else 1600
    used, rate, p50 = await load(sandbox, workspace, 1, count)
    size = sum(
        one.stat().st_size for one in (workspace.store, workspace.store.with_name("store.db-wal")) if one.exists()
    )
    print(f"in a file: {used:.1f} ms of CPU a write, {rate:.0f} writes/s, p50 {p50:.0f} ms;", end=" ")
    print(f"{size / (count + 3 * CALLERS) / 1000:.1f} kB of store a write", flush=True)
    for replicas in (1, 2):
        workspace = workspace_at(folder / f"w{replicas}", sandbox, server.database(f"replicas_{replicas}"))
        used, rate, p50 = await load(sandbox, workspace, replicas, count)
        measured.append(used)
        print(f"{replicas} replicas: {used:.1f} ms of CPU a write, {rate:.0f} writes/s, p50 {p50:.0f} ms", flush=True)
    print(f"two against one, CPU for each write: {measured[1] / measured[0]:.2f}x")
    sandbox.reset()
    workspace = workspace_at(folder / "waiting", sandbox, server.database("waiting"))
    print(await waiting(sandbox, workspace, 40 if short else 1000, 3.0 if short else 20.0), flush=True)


if __name__ == "__main__":
    main()
