"""`python -m tests.library [NAME …]`: the whole fault table of each write of the library, or of those named so."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.library.tables import faults_of, library_workspace, table_of
from tests.library.writes import writes


async def main(parts: list[str]) -> int:
    bad = 0
    chosen = [one for one in writes() if not parts or any(part in one.contract for part in parts)]
    with tempfile.TemporaryDirectory() as folder:
        workspace = library_workspace(Path(folder) / "w")
        for write in chosen:
            began = time.monotonic()
            rows = await table_of(workspace, write)
            wrong = faults_of(rows)
            bad += bool(wrong)
            unknown = [row.fault for row in rows if row.status == "unknown"]
            sends = max(row.sends for row in rows)
            print(
                f"{'bad' if wrong else 'ok':4}{write.contract:36}{len(rows)} runs, {sends} sends at most,"
                f" unknown after: {', '.join(unknown) or 'none'}, {time.monotonic() - began:.0f} s",
                *wrong,
                sep="\n      ",
                flush=True,
            )
    print(f"{len(chosen)} writes, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
