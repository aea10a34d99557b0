"""`uv run python -m tests.oauth_kills --kills 300`: deaths and lost answers around the refresh of a token.

Two replicas with `--store postgres`. Exit 0 iff no connection was lost that could be recovered, every other one was told
to a person, and no action failed or was done twice. `--round` makes one situation again and again, as a finding names it.
"""

import asyncio
import contextlib
import itertools
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.deaths import joined, options, shares, told
from tests.oauth_kills.campaign import Campaign, Situation, campaign, dealt
from tests.postgres import serving
from tests.slowness import measure
from tests.world import Sandbox


async def run(kills: int, seed: int, store: str, lanes: int, only: Situation | None, until: float) -> Campaign:
    def situations(lane: int) -> Iterator[Situation]:
        return itertools.repeat(only) if only is not None else dealt(random.Random(seed + lane))

    sandbox = Sandbox()
    try:
        with contextlib.ExitStack() as opened:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ailyus-oauth-")))
            server = opened.enter_context(serving()) if store == "postgres" else None
            made = await asyncio.gather(
                *(
                    campaign(
                        folder / f"{n}",
                        sandbox,
                        share,
                        situations(n),
                        until,
                        server.database(f"tokens_{n}") if server else "",
                    )
                    for n, share in enumerate(shares(kills, lanes))
                )
            )
    finally:
        sandbox.close()
    lost = sum(one.lost for one in made)
    whole = joined(made)
    whole.lost = lost
    return whole


def main() -> int:
    parser = options("tests.oauth_kills", __doc__)
    # most of the time is spent in waiting for tokens and leases to end
    parser.add_argument("--lanes", type=int, default=4, help="campaigns side by side")
    parser.add_argument("--round", type=Situation.parse, help="only such, for example after_commit,503,grace")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no round after that")
    asked = parser.parse_args()
    measure()
    began = time.monotonic()
    until = began + 60 * asked.minutes
    made = asyncio.run(run(asked.kills, asked.seed, asked.store, asked.lanes, asked.round, until))
    return told(made, began, f"deaths and lost answers, {made.lost} connections needed a person")


sys.exit(main())
