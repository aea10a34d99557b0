"""`uv run python -m tests.replicas [--rounds 10] [--nginx]`: a rolling restart of two replicas under load.

Exit 0 if no call met an error and each write stands at the target once. `--versions 5` puts each of so many versions
before this one beside it instead; the first that does not fit ends the run.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.nginx import found
from tests.postgres import serving
from tests.replicas.rolling import rolled
from tests.replicas.upgrade import side_by_side
from tests.replicas.versions import checked_out, versions_before
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
    parser.add_argument(
        "--versions", type=int, default=0, help="so many versions before this one, in place of restarts"
    )
    given = parser.parse_args()
    measure()
    if given.versions:
        return beside(given.versions)
    sandbox = Sandbox()
    try:
        with serving() as server, tempfile.TemporaryDirectory(prefix="ailyus-rolling-") as name:
            folder, url = Path(name), server.database("rolling")
            nginx = found(folder / "package") if given.nginx else None
            load, wrong = asyncio.run(rolled(folder, sandbox, url, given.rounds, (given.rate, given.drain), nginx))
    finally:
        sandbox.close()
    for line in (*load.errors, *wrong):
        print(line)
    rate = sum(load.answers.values()) / load.seconds
    print(f"{2 * given.rounds} restarts in {load.seconds:.0f} s; answers: {dict(load.answers)}, {rate:.0f} a second")
    print(f"{len(load.errors)} calls met an error, the slowest took {load.slowest:.1f} s")
    print(f"{len(load.sent)} writes, {len(wrong)} of them not exactly once")
    return 1 if load.errors or wrong else 0


def beside(count: int) -> int:
    """Each of the versions before, one after another."""
    sandbox = Sandbox()
    try:
        with serving() as server:
            for commit in versions_before(count):
                with tempfile.TemporaryDirectory(prefix="ailyus-versions-") as name:
                    sandbox.reset()
                    checkout = checked_out(Path(name) / "older", commit)
                    asyncio.run(side_by_side(Path(name), sandbox, server.database(f"beside_{commit}"), checkout))
                    print(f"{commit[:12]}, tables of version {checkout.schema}: it fits", flush=True)
    finally:
        sandbox.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
