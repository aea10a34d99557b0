"""The conclusion of an action: what its agent is told of one that was sent, and of one that people ended before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from contracts.action.observation import Execution
from contracts.compiler.program import Program
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.reconciliation.verdict import Reason, Reconciliation
from server.results.answers import uncosigned
from server.results.check_sentence import checks_of


def closed(action: Action, receipt: str, status: Status, cause: str = "") -> ActionResult:
    """Refused by a person, expired, or cancelled: nothing has been done."""
    summary, following = {
        "refused": (
            "A person refused it; nothing was sent and nothing changed.",
            "Tell the requester that it was refused; do not ask again.",
        ),
        "expired": (
            "Nobody decided in time; nothing was sent and nothing changed.",
            f"Ask the requester; call {action.request.contract} again only if they still want it.",
        ),
        "cancelled": (
            "It was cancelled; nothing was sent and nothing changed.",
            "Tell the requester; do not call it again unless they ask.",
        ),
    }[status]
    return ActionResult(
        status=status,
        summary=summary,
        next=following,
        action_id=action.id,
        receipt_id=receipt,
        changed=False,
        data={"reason": cause} if cause else None,
    )


def lost(action: Action, receipt: str) -> ActionResult:
    """It waited in a store that was restored from a backup: whether it was sent after the backup is not known."""
    return ActionResult(
        status="cancelled",
        summary="It was cancelled: the store was restored from a backup, and whether it was sent before is not known.",
        next=f"Look at the record; call {action.request.contract} again only if it is still wanted.",
        action_id=action.id,
        receipt_id=receipt,
        changed=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """What is known of the send: `execution` is None where nothing is; `drift` changed with it and should not have."""

    execution: Execution | None
    attempts: int
    settle_ms: int
    drift: Sequence[str] = ()


def concluded(
    action: Action, program: Program, receipt: str, status: Status, outcome: Reconciliation, send: Send
) -> ActionResult:
    """The end of an action that was sent."""
    hand_over = f"It is recorded for {program.contract.escalate}." if program.contract.escalate else ""
    met = sum(c.met for c in outcome.checks)
    if status == "confirmed":
        # INVARIANT 6: only here and in an answer of a read, and never of what is in doubt
        summary = f"It is in effect: {met} of {len(outcome.checks)} checks met when read back."
        following = "Tell the requester that it is in effect; do nothing else."
    elif status == "unavailable":
        return uncosigned(action, receipt)
    elif status == "not_applied":
        summary, following = _not_applied(action.request.contract, outcome, send, hand_over)
    elif status == "diverged":
        summary = f"The record changed, but not as expected ({met} of {len(outcome.checks)} checks met)."
        if send.drift:
            summary += f" This changed with it and should not have: {', '.join(send.drift)}."
        following = f"Do not repair it by this or another tool; hand over to a person. {hand_over}".strip()
    else:
        summary = f"It may or may not have happened: {_came(send.execution)}, and {_doubt(outcome)}."
        following = (
            "Do not repeat it by this or another tool: the record is looked at again, and get_action says what is "
            f"found. Hand over to a person. {hand_over}"
        ).strip()
    outputs = outcome.outputs if status == "confirmed" else {}
    # nobody is told of what changed nothing, but of a page that stopped the browser
    told = status in ("diverged", "unknown") or outcome.verdict == "stopped"
    return ActionResult(
        status=status,
        summary=summary,
        next=following,
        action_id=action.id,
        receipt_id=receipt,
        changed=outcome.changed,
        checks=checks_of(outcome.checks),
        outputs=dict(outputs) if outputs else None,
        from_outside=("outputs",) if outputs else None,  # guard: marks on what a target says
        escalated_to=(program.contract.escalate or None) if told else None,
    )


def _not_applied(tool: str, outcome: Reconciliation, send: Send, hand_over: str) -> tuple[str, str]:
    """Nothing changed: why, and whether the same call may be made once more."""
    # once: an agent that may try again without end would hammer a target that says no
    came, settle = _came(send.execution), f"{send.settle_ms / 1000:g} s"
    again = (
        f"You may call {tool} once more with the same arguments. "
        "If it is not_applied again, stop and hand over to a person."
    )
    if outcome.verdict == "stopped":
        summary = f"Nothing was sent and nothing changed: the browser stopped, since {outcome.reason}."
        return summary, f"Do not call {tool} again; a person must look at the page. {hand_over}".strip()
    if outcome.reason is Reason.REFUSED:
        following = (
            f"Do not call {tool} again with the same arguments: the target said no. Tell the requester what it refused."
        )
        return f"Nothing changed: {came} and refused.", following
    if outcome.reason is Reason.STALE:
        return f"Nothing changed: somebody else changed the record first, in each of {send.attempts} attempts.", again
    if outcome.reason is Reason.NOT_SENT:
        return f"Nothing changed: nothing could be sent in {send.attempts} attempts.", again
    return f"Nothing changed: {came}, and the record was as before when read back over {settle}.", again


def _came(execution: Execution | None) -> str:
    """What came back, in the words of the route: only HTTP has a status."""
    response = execution.response if execution is not None else None
    if execution is None or response is None or not response.status:
        return "no answer came back"
    if execution.via == "mcp":
        failed = isinstance(response.body, dict) and response.body.get("is_error")
        return "the tool answered with an error" if failed else "the tool answered"
    return "the adapter answered" if execution.via == "python" else f"the target answered {response.status}"


def _doubt(outcome: Reconciliation) -> str:
    """What the reads say of an outcome in doubt, as words of ours only."""
    # a fault may hold what the target wrote, and that never stands in `summary`
    if any(check.fault for check in outcome.checks):
        return "the record could not be read"
    return _DOUBTS.get(outcome.reason, outcome.reason) or "the record does not settle it"


_DOUBTS: Mapping[str, str] = MappingProxyType(
    {Reason.ACCEPTED_AND_UNSEEN: "the record does not show it yet", Reason.ACCEPTED_AND_UNSAID: Reason.UNSAID}
)
