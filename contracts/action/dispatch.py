"""The two orders that an adapter takes: `ReadPermit` (look) and `Dispatch` (act, once)."""

from dataclasses import dataclass
from typing import Protocol

from contracts.action.rendered_request import Rendered
from contracts.action.request import ActionRequest


@dataclass(frozen=True, slots=True)
class ReadPermit:
    """Leave to look at the source of truth for one request with the read-only credential.

    Minted by an early decision that did not deny, and by the journal from an intent (read-backs and probes). `job` is
    the id of the job that the action started, once it is known.
    """

    request: ActionRequest
    deadline_monotonic: float
    job: str = ""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The one-use order to act: minted where an intent was committed, one per attempt or route.

    INVARIANT: names exactly the committed request (`action_digest`), its target instance, fence and deadline.
    `rendered` is the request, or the flow, whose digest the signed intent holds: nothing else is sent with this order.
    `deadline_ms` is wall-clock (milliseconds since the epoch), `deadline_monotonic` the same moment in seconds of
    this process's monotonic clock.
    """

    action_id: str
    request: ActionRequest
    action_digest: str
    target_digest: str
    step: int
    attempt: int
    route: int
    # INVARIANT 1: an older fence or epoch, or a passed deadline, stops it at the gate
    fence: int
    epoch: int
    # both clocks: the wall clock stands in the intent, and only the monotonic one never jumps
    deadline_ms: int
    deadline_monotonic: float
    idempotency_key: str
    settle_ms: int
    rendered: Rendered


class Gate(Protocol):
    """Asked directly before the first byte of a write."""

    def enter(self, dispatch: Dispatch) -> str | None:
        """Use the order up; None lets it pass, else the reason why it does not (used, fence, epoch, deadline)."""
        ...

    # INVARIANT 9: asked at the last moment, so that the value exists in no row and no rendered request
    async def reveal(self, dispatch: Dispatch, handle: str, destination: str) -> str | None:
        """The secret behind a handle that the order's committed intent used up for this destination."""
        ...
