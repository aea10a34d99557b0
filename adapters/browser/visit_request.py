"""The request of a visit: one rendered flow with everything that a page needs to be carried through it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from contracts.action.target import Target, Ui
from contracts.compiler.flow_program import FlowRequest
from contracts.schema.locator import Locator

LAST_LOOK_SECONDS = 1.5
"""What a visit leaves of its time for a picture of the page that it does not know."""


@dataclass(frozen=True, slots=True)
class VisitRequest:
    """One rendered flow with everything that a visit needs."""

    flow: FlowRequest
    target: Target
    ui: Ui
    deadline: float
    reading: bool = False
    enter: Callable[[], str | None] = lambda: None
    secrets: Mapping[str, str] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()

    @property
    def urls(self) -> frozenset[str]:
        """The origins that the context may reach."""
        return frozenset({self.ui.base_url, *self.ui.origins})

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def masks(self) -> tuple[Locator, ...]:
        """What no picture shows; a password field never does."""
        return (*self.flow.program.flow.mask, Locator(css="input[type=password]"))
