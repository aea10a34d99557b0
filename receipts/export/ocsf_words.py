"""The words of our statements in those of OCSF 1.8: activities, severities, and how a status is meant."""

from collections.abc import Mapping
from typing import Final

Activity = tuple[int, str]
"""An `activity_id` of a class with its caption."""

DENIED: Final = frozenset({"denied", "refused", "expired", "cancelled", "unavailable"})
"""Statuses with which nothing was let through."""
FAILED: Final = DENIED | {"not_applied", "diverged", "partial", "compensated"}
"""Statuses with which it did not become as it was asked for."""
OPEN: Final = frozenset({"approval_required", "running", "ready", "previewed"})
"""Statuses that are no end."""
SEVERITIES: Final[Mapping[str, int]] = {
    "not_applied": 2,
    "expired": 2,
    "cancelled": 2,
    "unavailable": 2,
    "denied": 3,
    "refused": 3,
    "partial": 3,
    "compensated": 3,
    "unknown": 4,
    "diverged": 4,
}
"""`severity_id` by status; 1 (Informational) where there is none. 4 is what a person must look at."""
GATEWAY_SEVERITIES: Final[Mapping[str, int]] = {
    "key": 2,
    "agent": 2,
    "release": 2,
    "candidate": 2,
    "shadow": 2,
    "connection": 2,
    "rotation": 3,
    "halt": 3,
    "escalation": 3,
    "erasure": 3,
    "clock": 4,
    "loss": 4,
}
"""The same by kind, for statements about the gateway itself."""
ACTIVITIES: Final[Mapping[tuple[str, str], Activity]] = {
    ("agent", "added"): (1, "Create"),
    ("agent", "promoted"): (3, "Update"),
    ("agent", "adopted"): (3, "Update"),
    ("agent", "revoked"): (11, "Deactivate"),
    ("key", "linked"): (6, "Enroll"),
    ("key", "revoked"): (7, "Unenroll"),
    ("release", ""): (10, "Activate"),
    ("halt", "halted"): (12, "Suspend"),
    ("halt", "lifted"): (13, "Resume"),
    ("access", ""): (2, "Read"),
    ("tenant", "keyed"): (1, "Create"),
    ("role", "told"): (3, "Update"),
    ("clock", "clock"): (3, "Update"),
    ("archive", "written"): (5, "Move"),
    ("shadow", "began"): (8, "Enable"),
    ("shadow", "ended"): (9, "Disable"),
    ("connection", "connected"): (8, "Enable"),
    ("connection", "disconnected"): (9, "Disable"),
    ("rotation", ""): (3, "Update"),
    ("erasure", ""): (4, "Delete"),
}
"""Entity Management's activity by kind and event; 99 (Other) where there is none."""
ENTITIES: Final[Mapping[str, str]] = {
    "agent": "agent",
    "key": "keyid",
    "release": "release",
    "candidate": "candidate",
    "shadow": "name",
    "halt": "name",
    "access": "of",
    "tenant": "tenant",
    "role": "holder",
    "archive": "name",
    "connection": "connection",
    "rotation": "keyid",
    "erasure": "receipt",
    "escalation": "of",
}
"""Which of its facts names what a statement is about."""
