"""The assurance of a candidate, in a process beside the gateway and within a time, for whoever waits at the console."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from contracts.errors import AilyusError
from server.workspace.policy_assurance import PolicyAssurance, examine
from server.workspace.release_package import ReleasePackage

SECONDS: Final = 15.0
"""For mistakes, and as long again for proofs."""
MAX_SECONDS: Final = 60.0
"""Until nobody waits any more, with the start of the process."""


async def assurance_of(root: Path, package: ReleasePackage) -> PolicyAssurance:
    """What speaks for a candidate's policies. Raises `AilyusError`."""
    # spawned and not forked: this process has threads of Cedar
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    try:
        found = asyncio.get_running_loop().run_in_executor(
            pool, examine, root, package.model_dump_json().encode(), SECONDS
        )
        return await asyncio.wait_for(found, MAX_SECONDS)
    except (BrokenProcessPool, TimeoutError):
        hint = "`ailyus policy test --mutation` and `ailyus policy prove` take their time"
        raise AilyusError("unavailable", "the candidate could not be examined in time", hint=hint) from None
    finally:
        # what still runs ends by itself, within its time
        pool.shutdown(wait=False, cancel_futures=True)
