"""`uv run python -m tests.benchmarks.releases [--short]`: how soon two gateways that run work under a new release.

Two processes over one database. Each release changes a contract, a policy and the credential of a connection, and turns
reads from permitted to denied or back. An agent reads at both all the time: a replica is reached with the end of the
first answer that the new release decided. The time begins with the commit of the release's statement.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from server.workspace.settings.file import FILE
from server.workspace.stores import reading
from server.workspace.workspace import Workspace
from tests.benchmarks.replicas import workspace_at
from tests.postgres import Postgres, serving
from tests.replicas.pair import copied
from tests.until import until
from tests.web import web
from tests.world import Sandbox, Served, cli

STOP = '@id("no-reads") forbid (principal, action == Action::"get_record", resource);\n'
STATUS = {True: "denied", False: "confirmed"}
"""Of a read, by whether `STOP` is among the policies."""


@dataclass
class Watched:
    """One gateway, and when each answer of it said something else than the one before."""

    url: str
    token: str
    turns: list[tuple[str, float]] = field(default_factory=list)

    async def watch(self) -> None:
        """Read for ever."""
        async with (
            web(headers={"authorization": f"Bearer {self.token}"}, timeout=30.0) as http,
            Client(streamable_http_client(self.url, http_client=http)) as client,
        ):
            while True:
                answer = (await client.call_tool("get_record", {"record": "r1"})).structured_content or {}
                if not self.turns or self.turns[-1][0] != answer["status"]:
                    self.turns.append((str(answer["status"]), time.time() * 1000))
                await asyncio.sleep(0.005)


def edit(root: Path, *, stop: bool) -> None:
    """A contract, a policy and a credential as they stand in every other release."""
    policy, contract = root / "policies" / "no-reads.cedar", root / "contracts" / "records" / "set_value.yaml"
    policy.write_text(STOP if stop else STOP.replace("get_record", "delete_record"))
    for path, one, other in (
        (contract, "within: 300ms", "within: 400ms"),
        (root / FILE, "secrets/records-write", "secrets/records-other"),
    ):
        old, new = (one, other) if stop else (other, one)
        path.write_text(path.read_text().replace(old, new))


def committed_ms(workspace: Workspace) -> int:
    """When the last release was committed, by the database's clock, which is this machine's."""
    with reading(workspace) as read:
        ((at,),) = read("SELECT max(at_ms) FROM statements WHERE kind = 'release'")
    return int(str(at))


async def measured(server: Postgres, sandbox: Sandbox, folder: Path, rounds: int) -> list[tuple[float, float]]:
    """Milliseconds until the first and until the second gateway works under each release."""
    workspace = workspace_at(folder / "w", sandbox, server.database("releases"))
    secrets = workspace.private / "secrets"
    (secrets / "records-other").write_text((secrets / "records-write").read_text())
    served = [Served(workspace)]
    urls = [await asyncio.to_thread(served[0].start)]
    token = await asyncio.to_thread(served[0].token)
    served.append(Served(copied(workspace, folder / "other")))
    urls.append(await asyncio.to_thread(served[1].start))
    both, found = [Watched(url, token) for url in urls], []
    tasks = [asyncio.create_task(one.watch()) for one in both]
    try:
        await until(lambda: all(one.turns for one in both), 30)
        for number in range(rounds):
            stop = number % 2 == 0
            edit(workspace.root, stop=stop)
            command = ("release", "apply", "--as", "lead", "--reason", f"round {number}", "--allow-wider")
            await asyncio.to_thread(cli, *command, cwd=workspace.root)
            await until(lambda stop=stop: all(one.turns[-1][0] == STATUS[stop] for one in both), 30)  # type: ignore[misc]
            at = await asyncio.to_thread(committed_ms, workspace)
            first, second = sorted(one.turns[-1][1] - at for one in both)
            found.append((first, second))
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(BaseException):
                await task
        for gateway in served:
            await asyncio.to_thread(gateway.stop)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    rounds = 2 if parser.parse_args().short else 20
    sandbox = Sandbox()
    try:
        with serving() as server, tempfile.TemporaryDirectory() as name:
            found = asyncio.run(measured(server, sandbox, Path(name), rounds))
    finally:
        sandbox.close()
    for name, times in zip(("one", "both"), zip(*found, strict=True), strict=True):
        print(
            f"from the commit until {name} worked under it: p50 {statistics.median(times):.0f} ms, most {max(times):.0f} ms"
        )
    print(
        f"{rounds} releases, each with a contract, a policy and a credential; {sum(b <= 1000 for _, b in found)} within 1 s"
    )


if __name__ == "__main__":
    main()
