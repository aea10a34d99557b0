"""A request on its way: permitted, sent, and at its end, as values."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from contracts.action.observation import Execution, Observation
from contracts.action.target import Target
from contracts.compiler.program import Program
from policies.approval import SignedApproval
from policies.decision import Facts, Permitted
from receipts.action.action import Action, Intent
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.reconciliation.verdict import Reconciliation
from receipts.store.transaction import Work
from server.execution.routes import Skipped

Again = Callable[[Action, Program, Target, Observation], Awaitable[Permitted | None]]
"""Decides once more, directly before a further send: with the approvals that this action used."""


@dataclass(frozen=True, slots=True)
class PermittedAction:
    """A request that is permitted now, with everything that its first intent needs."""

    action: Action
    program: Program
    target: Target
    before: Observation
    permitted: Permitted
    approvals: Sequence[SignedApproval]
    under: tuple[str, int]
    again: Again


@dataclass(frozen=True, slots=True)
class SentAttempt:
    """One attempt that is out, or was when its process died: everything that the rest of the path needs."""

    action: Action
    intent: Intent
    before: Observation
    execution: Execution
    attempts: tuple[Execution, ...]
    again: Again
    facts: Facts | None = None
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingEnd:
    """The end of one action: what its agent is told, and the transition that is still to be committed."""

    action: Action
    status: Status
    result: ActionResult
    work: Work[None]
    outcome: Reconciliation | None = None
    after: Observation | None = None
    unsent: bool = False
    because: str = ""

    @property
    def outputs(self) -> Mapping[str, JsonValue]:
        """What a later step of a plan may use."""
        return self.result.outputs or {}


def died(intent: Intent) -> Execution:
    """An attempt whose process died: in doubt."""
    at = intent.deadline_ms
    return Execution(
        intent.route, intent.attempt, "in_doubt", at, at, "", "", "", fault="the process that sent it died"
    )


TakeBackOrphan = Callable[[SentAttempt, Mapping[str, JsonValue]], Awaitable[bool]]
