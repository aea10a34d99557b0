"""A small release, edits of it as somebody makes them, and what a log keeps of a decision."""

from dataclasses import dataclass, replace

from tests.policies.small_world import BASE, OKTA, release

BEFORE = release(BASE)
EDITS = {
    "the guard is gone": release(BASE.replace('@id("guard") forbid', '@id("guard") permit').replace("unless {", "when {", 2)),
    "leads may write": release(BASE.replace('action in Action::"read"', "action")),
    "the limit is lower": release(BASE.replace(">= 10", ">= 3")),
    "the wall is open": release(
        BASE.replace("principal.tenant == resource.tenant", 'principal.tenant == resource.tenant || resource.tenant == "acme"')
    ),
    "another environment": release(BASE, target=replace(OKTA, environment="staging")),
    "another risk": release(BASE.replace('@id("freeze") forbid (principal, action in Action::"write"', '@id("freeze") forbid (principal, action in Action::"risk_at_least_critical"'), risk="critical"),
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """What the log keeps of one decision."""

    receipt: str
    connection: str
    requests: bytes
    entities: bytes
