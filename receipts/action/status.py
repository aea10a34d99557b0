"""The status of an action: the one public word for how it stands or ended."""

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import TypeAdapter

Status = Literal[
    "confirmed",
    "approval_required",
    "running",
    "not_applied",
    "diverged",
    "unknown",
    "compensated",
    "partial",
    "denied",
    "unavailable",
    "refused",
    "expired",
    "cancelled",
    "invalid",
    "previewed",
]
"""The one public vocabulary, everywhere."""
STATUSES: Mapping[str, Status] = {status: status for status in get_args(Status)}
_STATUS: TypeAdapter[Status] = TypeAdapter(Status)


def status_of(value: object) -> Status:
    """A stored status; anything else means that the store was tampered with."""
    return _STATUS.validate_python(value)
