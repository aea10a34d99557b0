"""`python -m tests.library [NAME …]`: the whole fault table of each write of the library, or of those named so."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from server.contract_testing.fault_result import Row
from tests.adapters.actions_secrets import environment_with_it, fault_table
from tests.library.tables import faults_of, library_workspace, table_of
from tests.library.writes import writes

BY_ADAPTER = "put_actions_secret"
"""The write of the library that an adapter in Python makes."""


async def main(parts: list[str]) -> int:
    bad = 0
    chosen = [one for one in writes() if _is_chosen(one.contract, parts)]
    with tempfile.TemporaryDirectory() as folder:
        workspace = library_workspace(Path(folder) / "w")
        for write in chosen:
            began = time.monotonic()
            bad += _told(write.contract, await table_of(workspace, write), began)
        if with_adapter := _is_chosen(BY_ADAPTER, parts):
            began = time.monotonic()
            environment = environment_with_it(Path(folder) / "venv")
            rows = await asyncio.to_thread(fault_table, environment, Path(folder) / "adapter")
            bad += _told(BY_ADAPTER, rows, began)
    print(f"{len(chosen) + with_adapter} writes, {bad} bad")
    return 1 if bad else 0


def _is_chosen(contract: str, parts: list[str]) -> bool:
    return not parts or any(part in contract for part in parts)


def _told(contract: str, rows: Sequence[Row], began: float) -> bool:
    """Print a table in one line, and what is wrong in it; is something?"""
    wrong = faults_of(rows)
    unknown = [row.fault for row in rows if row.status == "unknown"]
    print(
        f"{'bad' if wrong else 'ok':4}{contract:36}{len(rows)} runs, {max(row.sends for row in rows)} sends at most,"
        f" unknown after: {', '.join(unknown) or 'none'}, {time.monotonic() - began:.0f} s",
        *wrong,
        sep="\n      ",
        flush=True,
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
