"""The quorum of witnesses as the path of an action meets it: which intents wait for cosignatures, and until when.

The journal asks it before an order leaves. The gateway's rounds are one; without `[witness] synchronous` nothing waits.
"""

from typing import Protocol

from contracts.schema.contract import Risk


class WitnessQuorum(Protocol):
    """Has the intents of risky actions cosigned before their requests leave."""

    def need(self, risk: Risk) -> int:
        """How many witnesses must have cosigned the intent of an action of this risk; 0: none, it does not wait."""
        ...

    async def outage(self) -> str | None:
        """Why an intent would not be cosigned now, as a sentence; None where it would be. Asked before one is signed.

        Whoever is told of an outage was kept waiting for it.
        """
        ...

    async def reach(self, size: int, seconds: float) -> bool:
        """Did enough witnesses cosign a checkpoint of at least `size` statements, within so many seconds?

        True only after the store holds their cosignatures.
        """
        ...


class NoQuorum:
    """Nothing waits for witnesses."""

    def need(self, risk: Risk) -> int:
        """None, whatever the risk."""
        return 0

    async def outage(self) -> str | None:
        """Nobody is needed, so nobody is missing."""
        return None

    async def reach(self, size: int, seconds: float) -> bool:
        """Nothing is to be reached."""
        return True
