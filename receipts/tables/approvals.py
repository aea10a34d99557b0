"""Approvals as rows: who has given one. `journal/queries.py` reads those that count."""

from receipts.store.store import Store


async def approvers(store: Store, action_id: str) -> list[str]:
    """Everybody who has approved an action so far, in order."""
    rows = await store.read("SELECT person FROM approvals WHERE action_id = ? ORDER BY at_ms", action_id)
    return [str(row[0]) for row in rows]
