"""One event of a target's own audit log, whatever the vendor calls its parts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TargetEvent:
    """What the target says that somebody did. `at_ms` is its own clock, in milliseconds since the epoch.

    `actors` are all names by which it knows who acted; `objects` the ids of what was acted on. `is_change` is false for
    what only read, or had no effect by the target's own word. `request_id` is None where the target keeps none.
    """

    id: str
    at_ms: int
    actors: tuple[str, ...]
    action: str
    objects: tuple[str, ...]
    request_id: str | None
    is_change: bool = True
