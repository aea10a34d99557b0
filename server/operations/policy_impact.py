"""The impact of an edit of policies: which of the newest recorded decisions it would make otherwise.

`PolicyEdits` asks for it while somebody waits, so it is bounded in number and in time, and says how far it came. It
runs off the loop. `ailyus policy simulate` decides all of them again, in several processes.
"""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from policies.release import Release
from policies.simulation import Simulation, SimulationTally
from receipts.statement.recorded_decisions import newest_decisions
from receipts.store.store import Store

MAX_DECISIONS: Final = 2_000
"""Decisions that are decided again; read a page at a time, they never take more than a megabyte together."""
MAX_SECONDS: Final = 10.0
"""How long they are decided again."""
_PAGE: Final = 200
_ABOVE_ALL: Final = 2**62


@dataclass(frozen=True, slots=True)
class PolicyImpact:
    """What came of the newest decisions; `is_whole` says that there are no others."""

    tally: SimulationTally
    read: int
    is_whole: bool

    @property
    def narrower(self) -> int:
        """How many would let less through."""
        return self.tally.decided - self.tally.same - self.tally.untold - self.tally.wider


async def impact_of(store: Store, before: Release, after: Release) -> PolicyImpact:
    """Decide the newest recorded decisions by both releases, as far as there is time."""
    simulation, tally, below, count = Simulation(before, after), SimulationTally(), _ABOVE_ALL, 0
    tenants = {target.tenant for target in before.targets.values()}
    end = time.monotonic() + MAX_SECONDS
    while count < MAX_DECISIONS and time.monotonic() < end:
        page, below = await store.read_aside(partial(newest_decisions, below=below, most=_PAGE))
        # INVARIANT 9: what is kept of a tenant that the release knows no more is shown to nobody
        own = [one for one in page if one.tenant in tenants]
        tally.add(await asyncio.to_thread(simulation.of, own))
        count += len(own)
        if len(page) < _PAGE:
            return PolicyImpact(tally, count, is_whole=True)
    return PolicyImpact(tally, count, is_whole=False)
