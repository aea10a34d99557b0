"""`uv run python -m tests.oauth_kills --kills 300`: deaths and lost answers around the refresh of a token.

Two replicas with `--store postgres`. Exit 0 iff no connection was lost that could be recovered, every other one was told
to a person, and no action failed or was done twice.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path

from tests.oauth_kills.campaign import Campaign, campaign
from tests.postgres import serving
from tests.world import Sandbox

LANES = 4
"""Campaigns side by side: most of the time is spent in waiting for tokens and leases to end."""


async def run(kills: int, seed: int, store: str) -> Campaign:
    shares = [kills // LANES + (lane < kills % LANES) for lane in range(LANES)]
    sandbox = Sandbox()
    try:
        with contextlib.ExitStack() as opened:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="ailyus-oauth-"))
            server = opened.enter_context(serving()) if store == "postgres" else None
            lanes = [
                campaign(
                    Path(folder) / f"{n}", sandbox, share, seed + n, server.database(f"tokens_{n}") if server else ""
                )
                for n, share in enumerate(shares)
                if share
            ]
            made = await asyncio.gather(*lanes)
    finally:
        sandbox.close()
    whole = made[0]
    for one in made[1:]:
        whole.deaths += one.deaths
        whole.ends += one.ends
        whole.wrong += one.wrong
        whole.lost += one.lost
    return whole


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.oauth_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    arguments = parser.parse_args()
    started = time.monotonic()
    made = asyncio.run(run(arguments.kills, arguments.seed, arguments.store))
    for name, count in sorted(made.deaths.items()):
        print(f"{count:6}  {name}")
    for name, count in sorted(made.ends.items()):
        print(f"{count:6}  ended: {name}")
    for sentence in made.wrong:
        print(f"WRONG: {sentence}")
    total = sum(made.deaths.values())
    print(
        f"{total} deaths and lost answers, {made.lost} connections needed a person, {len(made.wrong)} findings,",
        end=" ",
    )
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if made.wrong else 0


sys.exit(main())
