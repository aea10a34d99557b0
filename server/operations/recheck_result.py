"""The result of a later look, and its commit: row, statement, incident, escalation and breaker change at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.action.observation import Observation
from contracts.compiler.program import Program
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.breaker import Trip, untrip
from receipts.journal.outcome import LATER_LOOK, acknowledge
from receipts.journal.secret_vault import delete_spent, restore
from receipts.reconciliation.verdict import Reason, Reconciliation
from receipts.statement.statement import SignedStatement
from receipts.store.transaction import Txn
from receipts.tables import incidents, rechecks


def still_unknown(action: Action, sealed: SignedStatement) -> Callable[[Txn], None]:
    """It is still not known: a statement, and the looks that were due are done."""

    def work(txn: Txn) -> None:
        sealed.insert(txn)
        rechecks.finish(txn, action.id, txn.now_ms)

    return work


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckResult:
    """What a later look found of an action: its new status, and everything that is committed with it."""

    sealed: SignedStatement
    status: Status
    answer: ActionResult
    outcome: Reconciliation
    after: Observation
    halts: Sequence[Trip]


def restated(action: Action, program: Program, result: RecheckResult) -> Callable[[Txn], None]:
    """unknown → confirmed or not_applied: the row, the incident, the people who were told, the breaker."""
    status, outcome = result.status, result.outcome

    def work(txn: Txn) -> None:
        held = txn.now_ms + program.contract.repeat_window if status == "confirmed" else 0
        # a target that said yes and did not do it stays a strike
        strike = status == "not_applied" and outcome.reason is Reason.AS_IT_WAS
        confirmed = status == "confirmed"
        rechecks.restate(txn, action, status, result.answer, held_until_ms=held, strike=strike)
        rechecks.restate_sent(
            txn,
            action,
            "done" if confirmed else "failed",
            result.after if confirmed and action.step else None,
            ours=confirmed and outcome.attribution == "ours",
        )
        result.sealed.insert(txn)
        _settle(txn, action)  # guard: what is found ends the incident
        # a secret that reached nobody may be used once more; one that did is gone with its use
        if program.secret_inputs:
            (restore if status == "not_applied" else delete_spent)(txn, action.id)
        untrip(txn, result.halts)

    return work


def _settle(txn: Txn, action: Action) -> None:
    """Nothing about it is open any more."""
    incidents.resolve(txn, action.id)
    acknowledge(txn, action.id, LATER_LOOK)
    # 2**53: every look that was planned, however late; the largest time that JSON numbers hold exactly
    rechecks.finish(txn, action.id, 2**53)
