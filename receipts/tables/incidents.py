"""Incidents: outcomes in doubt that nobody has resolved yet. `journal/outcome.py` opens them."""

from dataclasses import dataclass

from receipts.action.sentence import ActionSentence
from receipts.store.row import Row, integer
from receipts.store.store import Store
from receipts.store.transaction import Txn


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An outcome in doubt, how its action stands, and what it does to whom, on one line."""

    action_id: str
    contract: str
    status: str
    agent: str
    person: str
    says: str
    at_ms: int


async def unresolved(store: Store, tenant: str | None = None) -> list[OpenIncident]:
    """The outcomes in doubt that nobody has resolved, oldest first; of one tenant, or of all."""
    rows = await store.read(
        "SELECT i.action_id, a.contract, a.status, a.agent, a.person, a.says, i.at_ms FROM incidents AS i"
        " JOIN actions AS a ON a.id = i.action_id"
        " WHERE i.resolved_ms IS NULL AND (a.tenant = ?1 OR ?1 IS NULL) ORDER BY i.at_ms",
        tenant,
    )
    return [_incident(row) for row in rows]


def _incident(row: Row) -> OpenIncident:
    id_, contract, status, agent, person, says = map(str, row[:6])
    # a row of an earlier version has no sentence: what it is called is known
    said = ActionSentence.unpacked(says).quoted if says else contract.replace("_", " ").capitalize()
    return OpenIncident(id_, contract, status, agent, person, said, integer(row[6]))


async def needs_somebody(store: Store, action_id: str) -> bool:
    """Is an incident of this action unresolved, or an escalation of it not acknowledged?"""
    return bool(
        await store.read(
            "SELECT 1 FROM incidents WHERE action_id = ? AND resolved_ms IS NULL"
            " UNION ALL SELECT 1 FROM escalations WHERE action_id = ? AND acknowledged_ms IS NULL",
            action_id,
            action_id,
        )
    )


def resolve(txn: Txn, action_id: str) -> None:
    """End the incident of an action."""
    txn.write(
        "UPDATE incidents SET resolved_ms = ? WHERE action_id = ? AND resolved_ms IS NULL",
        txn.now_ms,
        action_id,
        rows=None,
    )
    txn.control_changes += 1


def resolve_all(txn: Txn, action_id: str) -> None:
    """End the incidents of an action and of its steps; the same call is a new action from now on."""
    txn.write(
        "UPDATE incidents SET resolved_ms = ?1 WHERE resolved_ms IS NULL AND"
        " (action_id = ?2 OR action_id IN (SELECT id FROM actions WHERE plan_id = ?2))",
        txn.now_ms,
        action_id,
        rows=None,
    )
    txn.control_changes += 1
    # INVARIANT 5: only a person's word lets the same call act again while its outcome is not known
    txn.write("UPDATE actions SET held_until_ms = 0 WHERE id = ? AND state = 'ended'", action_id)
