"""How often each policy decided: what it denied, what it asked people for, what it let through."""

from dataclasses import dataclass
from typing import Final, Literal

import orjson

from receipts.log.signing import Envelope
from receipts.store.row import Read, blob

MAX_STATEMENTS: Final = 500
"""The newest statements that are looked at one by one."""
Verdict = Literal["denied", "asked", "permitted"]


@dataclass(frozen=True, slots=True)
class PolicyUse:
    """In how many of the newest actions a policy determined each verdict."""

    denied: int = 0
    asked: int = 0
    permitted: int = 0


def policy_uses(read: Read, tenant: str, since_ms: int) -> dict[str, PolicyUse]:
    """By the `@id` of each policy that decided something since then."""
    rows = read(
        "SELECT action_id, status, envelope FROM statements WHERE tenant = ? AND at_ms >= ?"
        " AND kind IN ('decision', 'intent', 'outcome') ORDER BY at_ms DESC LIMIT ?",
        tenant,
        since_ms,
        MAX_STATEMENTS,
    )
    # an action has several statements, and one verdict of a policy in it counts once
    found: set[tuple[str, Verdict, str]] = set()
    for action, status, envelope in rows:
        decision = orjson.loads(Envelope.decode(blob(envelope)).payload)["predicate"].get("decision") or {}
        verdict: Verdict = "denied" if status == "denied" else "asked" if status == "approval_required" else "permitted"
        found |= {(name, verdict, str(action)) for ids in (decision.get("policies") or {}).values() for name in ids}
    counts: dict[str, dict[Verdict, int]] = {}
    for name, verdict, _ in found:
        own = counts.setdefault(name, {})
        own[verdict] = own.get(verdict, 0) + 1
    return {name: PolicyUse(**own) for name, own in sorted(counts.items())}
