"""Marks: what a live page of the console shows, in few values that differ as soon as the page would."""

from receipts.store.row import integer
from receipts.store.store import Store

InboxMark = list[tuple[str, int]]
"""What waits, is escalated or is in doubt: an id, and when it changed."""
ActionMark = list[tuple[str, str, int, int | None, int]]
"""State, status, time of the last change, newest leaf about it, number of its steps; empty when there is none."""


async def of_inbox(store: Store, tenant: str) -> InboxMark:
    """The mark of a tenant's inbox."""
    # the few that are open come first; without `|| ''` every action of the tenant would be looked at
    rows = await store.read(
        "SELECT id, updated_ms FROM actions WHERE state <> 'ended' AND state = 'waiting' AND tenant = ?1"
        " UNION ALL SELECT e.id, e.next_ms FROM escalations AS e JOIN actions AS a ON a.id = e.action_id"
        " WHERE e.acknowledged_ms IS NULL AND a.tenant || '' = ?1"
        " UNION ALL SELECT i.action_id, i.at_ms FROM incidents AS i JOIN actions AS a ON a.id = i.action_id"
        " WHERE i.resolved_ms IS NULL AND a.tenant || '' = ?1",
        tenant,
    )
    return [(str(id_), integer(at)) for id_, at in rows]


async def of_action(store: Store, tenant: str, action_id: str) -> ActionMark:
    """The mark of one action of a tenant."""
    rows = await store.read(
        "SELECT state, status, updated_ms, (SELECT max(leaf_index) FROM statements WHERE action_id = ?2),"
        " (SELECT count(*) FROM actions WHERE plan_id = ?2) FROM actions WHERE tenant = ?1 AND id = ?2",
        tenant,
        action_id,
    )
    return [
        (str(state), str(status), integer(at), None if leaf is None else integer(leaf), integer(steps))
        for state, status, at, leaf, steps in rows
    ]
