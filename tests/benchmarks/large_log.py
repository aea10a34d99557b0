"""`uv run python -m tests.benchmarks.large_log [--receipts N]`: the pages of the console over a large log, in server time.

A gateway does a few actions. Its store, a file, then gets N receipts (1,000,000) of N/2 actions before those, by plain
rows that nobody signed, and a gateway serves it. Printed is the `server-timing` of each page: median and slowest.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from receipts.tables.input_names import keep_input_names
from server.workspace.workspace import Workspace
from tests.benchmarks.lists import EVERY_MS, Past, batches, fill
from tests.console.visitor import visitor
from tests.world import LEO, MARIA, Sandbox, gateway, make_workspace

ROUNDS = 9
PAGES = (
    *("/", "/inbox", "/actions", "/receipts", "/actions?status=denied", "/actions?words=unlock", "/actions?risk=high"),
    *("/actions?person=person7", "/receipts?words=user77@example.com", "/receipts?words=user7", "/receipts?risk=high"),
    *("/agents", "/agents/support-bot", "/connections", "/connections/okta", "/contracts", "/contracts/reset_user_mfa"),
    *("/policies", "/policies/prod-high-needs-lead", "/releases", "/people", "/notices", "/search?q=user77"),
    *("/questions/unconfirmed", "/questions/denied", "/questions/changed?agent=support-bot", "/questions/missing"),
    "/questions/done-to?match=user77@example.com",
)


async def begin(workspace: Workspace, sandbox: Sandbox) -> None:
    """A few actions: one confirmed after an approval, one denied."""
    async with gateway(workspace, sandbox) as world:
        await world.reset(LEO)
        await world.call("reset_user_mfa", {**MARIA, "ticket": "4713"})


def past_of(connection: sqlite3.Connection, receipts: int) -> Past:
    """A past that ends now, with envelopes as the gateway wrote them."""
    (key,) = connection.execute("SELECT key FROM tenant_keys WHERE tenant = 'acme'").fetchone()
    found = dict(connection.execute("SELECT status, envelope FROM statements WHERE tenant = 'acme'"))
    now_ms = time.time_ns() // 1_000_000
    return Past(now_ms - receipts // 2 * EVERY_MS, -receipts, key, found)


async def measure(workspace: Workspace, sandbox: Sandbox) -> None:
    """Each page some times, by the gateway's own word."""
    async with gateway(workspace, sandbox) as world, visitor(world, "lead") as lead:
        await keep_input_names(world.app.store)  # as the gateway does within a minute
        for page in PAGES:
            times = []
            for _ in range(ROUNDS):
                answer = await lead.client.get(page)
                assert answer.status_code == 200, (page, answer.text)
                times.append(float(answer.headers["server-timing"].partition("dur=")[2]))
            first, *rest = times
            print(
                f"{page:48} {statistics.median(rest):7.1f} ms, slowest {max(times):7.1f} ms, first {first:7.1f} ms",
                flush=True,
            )


def main() -> None:
    """Fill a store, serve it, measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=1_000_000)
    parser.add_argument("--at", type=Path, help="a folder that was filled before, or that is kept")
    chosen = parser.parse_args()
    sandbox = Sandbox()
    try:
        with tempfile.TemporaryDirectory() as folder:
            root = (chosen.at or Path(folder)) / "w"
            if not root.exists():
                asyncio.run(begin(make_workspace(root, sandbox), sandbox))
                with closing(sqlite3.connect(Workspace.open(root).store, isolation_level=None)) as connection:
                    connection.execute("PRAGMA synchronous = OFF")
                    fill(connection, batches(chosen.receipts, past=past_of(connection, chosen.receipts)))
            asyncio.run(measure(Workspace.open(root), sandbox))
    finally:
        sandbox.close()


if __name__ == "__main__":
    main()
