"""A check of a gateway's health: how it looks, how often, and what it found last."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthResult:
    """What a look found. INVARIANT: `says` names no person, host, path or record, since anybody may read it."""

    ok: bool
    says: str


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One part of the gateway that must be well before it is asked anything."""

    name: str
    look: Callable[[], Awaitable[HealthResult]]
    period: float = 0.5
    """Seconds between two looks."""
