"""Synchronous rounds: what the journal asks before a risky request leaves. Many that wait at once share one round."""

import asyncio
from typing import Final

from contracts.schema.contract import RISKS, Risk
from receipts.journal.journal import Journal
from server.operations.witness_rounds import WitnessRounds
from server.workspace.settings.witness import WitnessPart

_PAUSE_SECONDS: Final = 0.2
"""After a round in which too few witnesses cosigned."""


class SynchronousRounds:
    """The quorum of the settings (`receipts/witness/witness_quorum.py` `WitnessQuorum`)."""

    def __init__(self, journal: Journal, part: WitnessPart, rounds: WitnessRounds) -> None:
        self._journal = journal
        self._part = part
        self._rounds = rounds
        self._turn = asyncio.Lock()

    def need(self, risk: Risk) -> int:
        """How many witnesses must have cosigned the intent of an action of this risk; 0: none, it does not wait."""
        lowest = self._part.synchronous
        waits = lowest is not None and RISKS.index(risk) >= RISKS.index(lowest)
        return self._part.quorum if waits else 0

    async def outage(self) -> str | None:
        """Why an intent would not be cosigned now; None where enough witnesses cosigned the log as it is."""
        if await self.reach(self._journal.store.size, self._part.wait / 1000):
            return None
        standing, need = self._rounds.standing, self._part.quorum
        if self._is_refused:
            return f"{standing.refusing} of {standing.witnesses} witnesses refuse the log, and {need} must cosign it"
        return f"{standing.cosigned} of {standing.witnesses} witnesses cosigned the log in time, and {need} must"

    async def reach(self, size: int, seconds: float) -> bool:
        """Did enough witnesses cosign a checkpoint of at least `size` statements, within so many seconds?"""
        try:
            async with asyncio.timeout(min(seconds, self._part.wait / 1000)):
                while self._rounds.covered < size:
                    await self._round(size)
                    if self._is_refused:
                        break  # who refuses does not cosign a moment later
        except TimeoutError:
            pass  # what was cosigned at the last moment counts
        return self._rounds.covered >= size

    @property
    def _is_refused(self) -> bool:
        """Do so many refuse that the others are too few?"""
        return self._rounds.standing.refusing > self._rounds.standing.witnesses - self._part.quorum

    async def _round(self, size: int) -> None:
        """One round, unless that of somebody else covered this size while it was waited for."""
        async with self._turn:
            if self._rounds.covered >= size:
                return
            await self._rounds.round(whole=False)
        if self._rounds.covered < size:
            await asyncio.sleep(_PAUSE_SECONDS)
