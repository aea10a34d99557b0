"""Rechecks: when to look again at an action that has ended, and what a later look found of it."""

from dataclasses import dataclass
from typing import Literal

from contracts.action.observation import Observation
from receipts.action.action import Action
from receipts.action.action_form import pack_observation
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.store.store import Store
from receipts.store.transaction import Txn


@dataclass(frozen=True, slots=True)
class DueRecheck:
    """An action that is to be looked at again by now, and its status."""

    action_id: str
    status: str


async def due(store: Store) -> list[DueRecheck]:
    """The actions that are to be looked at again by now, 20 at most."""
    rows = await store.read(
        "SELECT DISTINCT r.action_id, a.status FROM rechecks AS r JOIN actions AS a ON a.id = r.action_id"
        " WHERE r.done_ms IS NULL AND r.due_ms <= ? LIMIT 20",
        store.now_ms(),
    )
    return [DueRecheck(str(action), str(status)) for action, status in rows]


def finish(txn: Txn, action_id: str, until_ms: int) -> None:
    """The looks at an action that were due until then are done."""
    txn.write(
        "UPDATE rechecks SET done_ms = ? WHERE action_id = ? AND due_ms <= ? AND done_ms IS NULL",
        txn.now_ms,
        action_id,
        until_ms,
        rows=None,
    )


def hasten(txn: Txn, connection: str) -> None:
    """What is unknown at a connection is looked at once more, now; the looks that are ahead stay as they are."""
    txn.write(
        "INSERT INTO rechecks (action_id, due_ms) SELECT id, ?1 FROM actions"
        " WHERE connection = ?2 AND status = 'unknown' AND state = 'ended' AND EXISTS"
        " (SELECT 1 FROM rechecks AS r WHERE r.action_id = actions.id AND r.done_ms IS NULL) ON CONFLICT DO NOTHING",
        txn.now_ms,
        connection,
        rows=None,
    )


def restate(
    txn: Txn,
    action: Action,
    status: Status,
    result: ActionResult,
    *,
    held_until_ms: int,
    strike: bool,
) -> None:
    """unknown → what is known now; raises `Conflict` when somebody else found it."""
    txn.write(
        "UPDATE actions SET status = ?, result = ?, held_until_ms = ?, strike = ?"
        # only from `unknown`: what is known once is not told otherwise by a later look
        " WHERE id = ? AND state = 'ended' AND status = 'unknown'",
        status,
        txn.keys.seal(action.request.tenant, action.id, result.packed),
        held_until_ms,
        int(strike),
        action.id,
    )


def restate_sent(
    txn: Txn, action: Action, state: Literal["done", "failed"], after: Observation | None, *, ours: bool
) -> None:
    """What is known now of the request that was sent: whether it took effect, what it left, whether that is ours."""
    txn.write(
        "UPDATE intents SET state = ?, after = ?, ours = ? WHERE action_id = ? AND state = 'escalated'",
        state,
        txn.keys.seal(action.request.tenant, action.id, pack_observation(after)) if after is not None else None,
        int(ours),
        action.id,
        rows=None,
    )
