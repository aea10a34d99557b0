"""`uv run python -m tests.replicas [--rounds 10] [--nginx]`: a rolling restart of two replicas under load.

Exit 0 if no call met an error and each write stands at the target once.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.nginx import found
from tests.postgres import serving
from tests.replicas.rolling import rolled
from tests.slowness import measure
from tests.world import Sandbox


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.replicas", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second")
    parser.add_argument(
        "--drain", type=int, default=10, help="seconds, of which clients keep idle connections for half"
    )
    parser.add_argument("--nginx", action="store_true", help="before them, in place of a balancer that asks /readyz")
    given = parser.parse_args()
    measure()
    sandbox, begun = Sandbox(), time.monotonic()
    try:
        with serving() as server, tempfile.TemporaryDirectory(prefix="ailyus-rolling-") as name:
            folder, url = Path(name), server.database("rolling")
            nginx = found(folder / "package") if given.nginx else None
            load, wrong = asyncio.run(rolled(folder, sandbox, url, given.rounds, (given.rate, given.drain), nginx))
    finally:
        sandbox.close()
    for line in (*load.errors, *wrong):
        print(line)
    print(f"{2 * given.rounds} restarts in {time.monotonic() - begun:.0f} s; answers: {dict(load.answers)}")
    print(f"{len(load.errors)} calls met an error, the slowest took {load.slowest:.1f} s")
    print(f"{len(load.sent)} writes, {len(wrong)} of them not exactly once")
    return 1 if load.errors or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
