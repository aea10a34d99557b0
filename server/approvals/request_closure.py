"""The closure of a request: refused by a person, expired or cancelled, by one signed statement."""

from contracts.canonical import new_id
from policies.approval import SignedApproval
from policies.passkey import sign_count
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.registry import count_use
from receipts.statement.action_facts import DecisionFacts
from receipts.store.transaction import Txn, Work
from server.actions.runner import ActionRunner
from server.execution.approval_request import ApprovalRequest
from server.observability import metrics
from server.results.conclusion import closed, lost


async def close_lost(runner: ActionRunner, action: Action) -> None:
    """End a request of a restored store, which does not know what became of it after the backup."""
    answer = lost(action, new_id("rcp"))
    await runner.journal.write((action.id, action.watched), _ending(runner, action, answer))
    metrics.record_outcome(action.request.contract, answer.status)


def _ending(runner: ActionRunner, action: Action, answer: ActionResult) -> Work[None]:
    journal = runner.journal
    about = runner.executor.statements.about(action)
    sealed = journal.notary.seal(
        DecisionFacts(answer=answer.digest),
        str(answer.receipt_id),
        about,
        status=answer.status,
        changed=None,
        at_ms=journal.store.now_ms(),
        evidence={},
    )
    return journal.end_unsent_work(action, sealed, answer.status, answer, 0)


async def close_request(
    runner: ActionRunner,
    action: Action,
    status: Status,
    cause: str,
    signed: SignedApproval | None = None,
    shown: ApprovalRequest | None = None,
) -> None:
    """End a request that waits: the row, its statement and the use of a passkey in one commit."""
    journal, receipt = runner.journal, new_id("rcp")
    evidence = {"decision": signed.model_dump_json().encode()} if signed else {}
    if shown is not None:
        evidence["asked"] = shown.model_dump_json().encode()
    answer = closed(action, receipt, status, cause)
    facts = DecisionFacts(answer=answer.digest)
    if signed:
        facts = facts.also({"approver": approver_of(runner, action, signed)})
    about = runner.executor.statements.about(action)
    sealed = journal.notary.seal(
        facts,
        receipt,
        about,
        status=status,
        changed=False,
        at_ms=journal.store.now_ms(),
        evidence=evidence,
    )
    # INVARIANT 5: the same call again meets this refusal for a while, and does not ask people a second time
    held = runner.executor.ends.held_ms(action.request) if status == "refused" else 0
    end = journal.end_unsent_work(action, sealed, status, answer, journal.store.now_ms() + held if held else 0)

    def work(txn: Txn) -> None:
        if signed is not None and signed.assertion is not None:
            count_use(txn, signed.keyid, sign_count(signed.assertion))
        end(txn)

    await journal.write((action.id, action.watched), work)
    metrics.record_outcome(action.request.contract, status)


def approver_of(runner: ActionRunner, action: Action, signed: SignedApproval | None) -> str:
    """The pseudonym under which statements name who decided."""
    approver = signed.binding.approver if signed else ""
    return runner.journal.notary.pseudonym(action.request.tenant, "person", approver)
