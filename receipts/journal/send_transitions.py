"""The transitions around a send: the intent is committed before it, the outcome after it."""

from functools import partial

from receipts.action.action_form import pack_observation
from receipts.journal.action_row import ActionRow, insert_action
from receipts.journal.breaker import trip_route
from receipts.journal.intent import IntentCommit, check_limits
from receipts.journal.lease import extend_plan_lease, lease_until
from receipts.journal.outcome import OutcomeCommit, beside
from receipts.journal.secret_vault import consume
from receipts.store.transaction import Conflict, Txn, Work

# compared for a row that is there already; `check_limits` compares it for every intent
_LIVE = "(SELECT value FROM meta WHERE key = 'release') = ? AND (SELECT value FROM meta WHERE key = 'epoch') = ?"


def intend(txn: Txn, wanted: IntentCommit, owned: bool, release: str) -> int:
    """new, ready or running → running: the intent, the uses of approvals and handles, the claim; returns the fence.

    `owned`: this process holds the action under the fence that it has now. `release` is the live one.
    """
    txn.require_clock()
    action, request = wanted.action, wanted.action.request
    if wanted.deadline_ms - wanted.timeout_ms - txn.now_ms > 60_000 or txn.now_ms >= wanted.deadline_ms:
        raise Conflict
    if wanted.attempt > 1:
        txn.write(
            "UPDATE intents SET state = ? WHERE action_id = ? AND state = 'intent' AND fence = ?",  # guard: fence
            "failed" if wanted.former_failed else "done",
            action.id,
            action.fence,
        )
    if action.step:
        extend_plan_lease(txn, action.step, wanted.deadline_ms)
    # first: the same call elsewhere is the same action, it is not waited for as somebody else's
    fence = _claim(txn, wanted, owned, release)
    check_limits(txn, wanted)
    user = action.step.plan_id if action.step else action.id
    for approval in wanted.approvals:
        txn.write("INSERT INTO approval_uses VALUES (?, ?, ?)", approval.id, user, fence)
    consume(txn, request, action.step.plan_id if action.step else None, action.id, wanted.rendered.handles)
    txn.write_deferred(
        "INSERT INTO intents (action_id, step, attempt, route, fence, epoch, state, deadline_ms, settle_ms,"
        " action_digest, target_digest, request_digest, before, receipt_id, connection, lock, at_ms, via)"
        " VALUES (?, 1, ?, ?, ?, ?, 'intent', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        action.id,
        wanted.attempt,
        wanted.route,
        fence,
        wanted.basis.epoch,
        wanted.deadline_ms,
        wanted.settle_ms,
        request.action_digest,
        request.target_digest,
        wanted.rendered.digest,
        txn.keys.seal(request.tenant, action.id, pack_observation(wanted.before)),
        wanted.sealed.index.id,
        request.connection,
        wanted.lock,
        txn.now_ms if wanted.limits.per_minute else 0,
        wanted.via,
    )
    wanted.sealed.insert(txn)
    if wanted.trip:
        trip_route(txn, wanted.trip)
    return fence


def _claim(txn: Txn, wanted: IntentCommit, owned: bool, release: str) -> int:
    """One guarded statement over id, state, fence, live release and control epoch; returns the new fence.

    Of an action that is new, `check_limits` compares the release and the epoch.
    """
    # INVARIANT: the release that decided, not whichever is live by now
    action, result = wanted.action, wanted.result
    live = (wanted.basis.release, str(wanted.basis.epoch))
    lease_ms = lease_until(wanted.deadline_ms, txn.now_ms)
    if action.state == "new":
        row = ActionRow(
            state="running",
            status="running",
            result=result,
            release=release,
            fence=1,
            lease_until_ms=lease_ms,
            sent_ms=txn.now_ms,
            spent=wanted.spent,
        )
        insert_action(txn, action, row)
        return 1
    txn.write(
        "UPDATE actions SET state = 'running', status = 'running', fence = fence + 1, lease_until_ms = ?,"
        " result = ?, release = ?, updated_ms = ?, spent = ?,"
        " sent_ms = CASE sent_ms WHEN 0 THEN ? ELSE sent_ms END"
        " WHERE id = ? AND fence = ? AND state = ? AND state IN ('waiting', 'ready', 'running')"  # guard: fence
        # INVARIANT: what another owner has under lease is left alone
        f" AND (lease_until_ms <= ? OR ? = 1) AND {_LIVE}",  # guard: lease
        lease_ms,
        txn.keys.seal(action.request.tenant, action.id, result.packed),
        release,
        txn.now_ms,
        wanted.spent,
        txn.now_ms,
        action.id,
        action.fence,
        action.state,
        txn.now_ms,
        int(owned),
        *live,
    )
    return action.fence + 1


def record_outcome(end: OutcomeCommit) -> Work[None]:
    """running → ended: outcome, receipt and its proof in one commit. An old owner's write matches no row."""

    def work(txn: Txn) -> None:
        action = end.action
        seal = partial(txn.keys.seal, action.request.tenant, action.id)
        txn.write_deferred(
            "UPDATE intents SET state = ?, after = ?, ours = ?"
            " WHERE action_id = ? AND fence = ? AND state = 'intent'",  # guard: fence
            "escalated" if end.status == "unknown" else "failed" if end.failed else "done",
            seal(pack_observation(end.after)) if end.after else None,
            int(end.ours),
            action.id,
            action.fence,
        )
        txn.write_deferred(
            "UPDATE actions SET state = 'ended', status = ?, result = ?, held_until_ms = ?, updated_ms = ?,"
            " strike = ? WHERE id = ? AND fence = ? AND state = 'running'",  # guard: fence
            end.status,
            seal(end.result.packed),
            end.held_until_ms,
            txn.now_ms,
            int(end.strike),
            action.id,
            action.fence,
        )
        if action.step:
            extend_plan_lease(txn, action.step, txn.now_ms)
        end.sealed.insert(txn)
        beside(txn, end)

    return work
