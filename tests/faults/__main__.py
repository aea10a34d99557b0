"""`uv run python -m tests.faults --kills 300`: every named point, with its count; exit 0 iff nothing was wrong.

With `--race`, 16 callers race for a budget in which a gateway or a replica dies, and agents read before (`race.py`).
"""

import asyncio
import contextlib
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from receipts.journal.lease import LEASE_MS
from tests.deaths import joined, options, shares, told
from tests.faults.campaign import Campaign, freeze, prepared
from tests.faults.race import POINTS, Race, race
from tests.faults.replicas import campaign as pair
from tests.faults.replicas import p99
from tests.postgres import serving
from tests.world import Sandbox, add_records

PAIRS = 3
"""Pairs of replicas side by side."""
RACES = 2
"""Races side by side: each has 20 callers."""


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
        made = await asyncio.gather(
            *(pair(server, share, seed + n, Path(folder) / f"pair{n}") for n, share in enumerate(shares(kills, PAIRS)))
        )
    takeovers = [seconds for one in made for seconds in one.takeovers]
    return joined(made), takeovers


async def races(kills: int, seed: int, store: str) -> Race:
    """Every point in turn, on twins of each lane's own."""
    with contextlib.ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ailyus-race-")))
        server = opened.enter_context(serving()) if store == "postgres" else None
        wheel = [POINTS[n % len(POINTS)] for n in range(kills)]
        lanes = []
        for lane in range(min(RACES, kills)):
            sandbox = Sandbox()
            opened.callback(sandbox.close)
            lanes.append(race(folder / f"{lane}", sandbox, wheel[lane::RACES], seed + lane, server))
        return joined(await asyncio.gather(*lanes))


def main() -> int:
    parser = options("tests.faults", __doc__)
    parser.add_argument("--race", action="store_true", help="die in a race for a budget")
    asked = parser.parse_args()
    began = time.monotonic()
    made: Campaign
    if asked.race:
        made = asyncio.run(races(asked.kills, asked.seed, asked.store))
    elif asked.store == "sqlite":
        made = asyncio.run(campaign(asked.kills, asked.seed))
    else:
        made, takeovers = asyncio.run(replicas(asked.kills, asked.seed))
        print(
            f"{len(takeovers)} takeovers, p50 {statistics.median(takeovers or [0]):.1f} s, p99 {p99(takeovers):.1f} s"
            f" (a lease is {LEASE_MS / 1000:.0f} s)"
        )
    return told(made, began, "deaths")


sys.exit(main())
