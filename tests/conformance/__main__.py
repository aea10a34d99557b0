"""`python -m tests.conformance`: the official suite against the gateway, with every check that did not hold."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.conformance.suite import REVISIONS, profile, run
from tests.world import Sandbox


async def main() -> int:
    sandbox = Sandbox()
    failed = 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with profile(Path(folder) / "w", sandbox) as url:
                for revision in REVISIONS:
                    report = await asyncio.to_thread(run, url, revision, Path(folder) / revision)
                    print(report.text)
                    failed += len(report.missed)
    finally:
        sandbox.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
