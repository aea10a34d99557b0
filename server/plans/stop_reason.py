"""Why a plan stopped, as a sentence for people. What the gateway does then never depends on the words."""

from dataclasses import dataclass

_CANCELLED_IN_ROWS = "it was cancelled"
"""How the row of a plan says that it was cancelled, in every version: it stays, whatever people read instead."""


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why no further step of a plan begins. `is_cancellation`: somebody ended it on purpose; nothing is undone then."""

    sentence: str
    is_cancellation: bool = False

    @property
    def stored(self) -> str:
        """As the plan's row says it."""
        return _CANCELLED_IN_ROWS if self.is_cancellation else self.sentence

    @classmethod
    def of(cls, stored: str) -> "StopReason":
        """From the plan's row."""
        return CANCELLED if stored == _CANCELLED_IN_ROWS else cls(stored)


CANCELLED = StopReason("it was cancelled", is_cancellation=True)
LATE = StopReason("the plan ran out of time")
ABANDONED = StopReason("the contracts or connections of the plan changed meanwhile")
LOST = StopReason("the store was restored from a backup: what was sent for the plan after it is not known")
IN_DOUBT = StopReason("a step was in doubt, and none was begun after it")
NOT_AS_EXPECTED = StopReason("every step is confirmed, but the whole is not as expected")
NOT_READ = StopReason("every step is confirmed, but the whole could not be read")
