"""The facts of one attempt: the reads, the send, the expectations, and the routes that were passed over."""

from typing import Annotated

from pydantic import Field

from contracts.action.observation import Delivery
from receipts.statement.facts import ClosedModel, Ms


class ReadFact(ClosedModel):
    """One read that was answered."""

    status: int
    at_ms: Ms
    request_id: str | None


class CheckFact(ClosedModel):
    """One expectation or requirement as a sentence; `met` is null where it could not be read."""

    that: str
    met: bool | None
    # `else` is a keyword of Python
    else_: Annotated[str, Field(alias="else")] = ""
    not_read: str = ""


class AttemptFact(ClosedModel):
    """One send by one route."""

    attempt: int
    route: int
    delivery: Delivery
    method: str
    request_digest: str
    status: int | None
    fault: str | None
    started_ms: Ms
    ended_ms: Ms
    idempotency_key: str | None
    request_id: str | None
    identity: str
    via: str
    notes: tuple[str, ...] = ()


class SkippedRouteFact(ClosedModel):
    """A route that was passed over, and why."""

    route: int
    why: str
