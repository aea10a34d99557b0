"""The port of every adapter: look, say what is missing, act once, close. Nothing else."""

from typing import Protocol

from contracts.dispatch import Dispatch, MayObserve
from contracts.observation import Execution, Observation, ReadOutage
from contracts.request import ActionRequest


class Adapter(Protocol):
    """A way to reach target systems."""

    async def observe(self, look: MayObserve) -> Observation:
        """Read the source of truth with the read-only credential. Faults are values."""
        ...

    def lacks(self, request: ActionRequest, route: int) -> ReadOutage | None:
        """Why nothing could be sent by this route: its credential gives no value. Asked before an intent is signed."""
        ...

    async def execute(self, dispatch: Dispatch) -> Execution:
        """Send exactly what the order names, once, before its deadline. Faults are values."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
