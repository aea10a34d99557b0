"""`uv run python -m tests.faults --kills 300`: every named point, with its count; exit 0 iff nothing was wrong."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.campaign import Campaign, freeze, prepared
from tests.world import Sandbox, add_records


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


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    started = time.monotonic()
    made = asyncio.run(campaign(arguments.kills, arguments.seed))
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
