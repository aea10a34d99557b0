"""`uv run python -m tests.faults --kills 300`: every named point, with its count; exit 0 iff nothing was wrong."""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from receipts.journal.lease import LEASE_MS
from tests.faults.campaign import Campaign, freeze, prepared
from tests.faults.replicas import campaign as pair
from tests.faults.replicas import p99
from tests.postgres import serving
from tests.world import Sandbox, add_records

PAIRS = 3
"""Pairs of replicas side by side."""


async def campaign(kills: int, seed: int) -> Campaign:
    sandbox = Sandbox()
    try:
        with tempfile.TemporaryDirectory(prefix="ailyus-faults-") as folder:
            workspace = prepared(add_records(Path(folder) / "w", sandbox))
            made = Campaign(workspace, sandbox, random.Random(seed))
            await made.begin()
            for point in ("after_intent", "between_check_and_write", "after_send"):
                await freeze(made, point, ask=point == "after_intent")
            frozen = sum(made.deaths.values())
            await made.run(kills + frozen)
            return made
    finally:
        sandbox.close()


async def replicas(kills: int, seed: int) -> tuple[Campaign, list[float]]:
    """Several pairs side by side: most of the time is spent in waiting for leases to end."""
    with serving() as server, tempfile.TemporaryDirectory(prefix="ailyus-faults-") as folder:
        shares = [kills // PAIRS + (number < kills % PAIRS) for number in range(PAIRS)]
        made = await asyncio.gather(
            *(pair(server, share, seed + n, Path(folder) / f"pair{n}") for n, share in enumerate(shares) if share)
        )
    whole = made[0]
    for one in made[1:]:
        whole.deaths += one.deaths
        whole.ends += one.ends
        whole.wrong += one.wrong
        whole.takeovers += one.takeovers
    return whole, whole.takeovers


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    arguments = parser.parse_args()
    started = time.monotonic()
    if arguments.store == "sqlite":
        made = asyncio.run(campaign(arguments.kills, arguments.seed))
    else:
        made, takeovers = asyncio.run(replicas(arguments.kills, arguments.seed))
        print(
            f"{len(takeovers)} takeovers, p50 {statistics.median(takeovers or [0]):.1f} s, p99 {p99(takeovers):.1f} s"
            f" (a lease is {LEASE_MS / 1000:.0f} s)"
        )
    for name, count in sorted(made.deaths.items()):
        print(f"{count:6}  {name}")
    for name, count in sorted(made.ends.items()):
        print(f"{count:6}  ended: {name}")
    for sentence in made.wrong:
        print(f"WRONG: {sentence}")
    total = sum(made.deaths.values())
    print(f"{total} deaths, {len(made.wrong)} findings, {time.monotonic() - started:.0f} s")
    return 1 if made.wrong else 0


sys.exit(main())
