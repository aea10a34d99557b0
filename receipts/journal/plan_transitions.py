"""The transitions of a plan, beside those of its steps. A plan is one action whose steps are actions of their own."""

from dataclasses import replace
from typing import Literal

from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.action_row import ActionRow, insert_action
from receipts.journal.journal import Journal
from receipts.journal.lease import LEASE_MS, take_row
from receipts.journal.outcome import LATER_LOOK, Escalation, acknowledge, escalate
from receipts.statement.statement import SignedStatement
from receipts.store.transaction import Txn, Work


class PlanRows:
    """Guarded transitions over the row of a plan."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def beginning(self, action: Action, plan: bytes, result: ActionResult) -> Work[None]:
        """new or ready → running, for a plan; its steps' intents are committed with it or after it."""

        def work(txn: Txn) -> None:
            txn.require_clock()
            if action.state == "new":
                begun = replace(action, plan=plan)
                lease = txn.now_ms + LEASE_MS
                row = ActionRow(
                    state="running",
                    status="running",
                    result=result,
                    release=self._journal.release,
                    fence=1,
                    lease_until_ms=lease,
                    sent_ms=txn.now_ms,
                )
                insert_action(txn, begun, row)
                return
            txn.write(
                "UPDATE actions SET state = 'running', status = 'running', fence = fence + 1, lease_until_ms = ?,"
                " plan = ?, result = ?, release = ?, updated_ms = ?,"
                " sent_ms = CASE sent_ms WHEN 0 THEN ? ELSE sent_ms END"
                " WHERE id = ? AND fence = ? AND state = 'ready'",
                txn.now_ms + LEASE_MS,
                txn.keys.seal(action.request.tenant, action.id, plan),
                txn.keys.seal(action.request.tenant, action.id, result.packed),
                self._journal.release,
                txn.now_ms,
                txn.now_ms,
                action.id,
                action.fence,
            )

        return work

    def turning(
        self, plan: Action, state: Literal["ready", "running"], progress: bytes, result: ActionResult
    ) -> Work[None]:
        """A plan at a step's border: how far it is, and whether it goes on by itself (running) or waits (ready)."""

        def work(txn: Txn) -> None:
            txn.write(
                "UPDATE actions SET state = ?, plan = ?, result = ?, updated_ms = ?"
                " WHERE id = ? AND fence = ? AND state = 'running'",
                state,
                txn.keys.seal(plan.request.tenant, plan.id, progress),
                txn.keys.seal(plan.request.tenant, plan.id, result.packed),
                txn.now_ms,
                plan.id,
                plan.fence,
            )

        return work

    def closing(
        self,
        plan: Action,
        sealed: SignedStatement,
        status: Status,
        result: ActionResult,
        held_until_ms: int,
        escalation: Escalation | None,
    ) -> Work[None]:
        """running → ended, for a plan."""

        def work(txn: Txn) -> None:
            txn.write(
                "UPDATE actions SET state = 'ended', status = ?, result = ?, held_until_ms = ?, updated_ms = ?"
                " WHERE id = ? AND fence = ? AND state = 'running'",
                status,
                txn.keys.seal(plan.request.tenant, plan.id, result.packed),
                held_until_ms,
                txn.now_ms,
                plan.id,
                plan.fence,
            )
            sealed.insert(txn)
            if escalation:
                escalate(txn, escalation, plan.id)

        return work

    def restating(
        self,
        plan: Action,
        sealed: SignedStatement,
        status: Status,
        result: ActionResult,
        held_until_ms: int,
        settled: bool,
    ) -> Work[None]:
        """unknown → what is known now, for a plan that ended; `settled`: nobody has to look at it any more."""

        def work(txn: Txn) -> None:
            txn.write(
                "UPDATE actions SET status = ?, result = ?, held_until_ms = ?, updated_ms = ?"
                " WHERE id = ? AND state = 'ended' AND status = 'unknown'",
                status,
                txn.keys.seal(plan.request.tenant, plan.id, result.packed),
                held_until_ms,
                txn.now_ms,
                plan.id,
            )
            sealed.insert(txn)
            if settled:
                acknowledge(txn, plan.id, LATER_LOOK)

        return work

    async def take_plan(self, plan: Action) -> int:
        """Take over a plan whose owner died: fence + 1, so that the old owner's steps match no row."""

        return await self._journal.write((plan.id,), lambda txn: take_row(txn, plan))

    async def wish_end(self, plan_id: str) -> None:
        """Have a running plan end at its next border; raises `Conflict` when it does not run."""
        sql = (
            "UPDATE actions SET cancel_requested_ms = ?"
            " WHERE id = ? AND plan IS NOT NULL AND state IN ('running', 'ready')"
        )
        await self._journal.write((plan_id,), lambda txn: txn.write(sql, txn.now_ms, plan_id))
