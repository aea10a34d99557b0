"""A request on its way: permitted, sent, and at its end, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from contracts.action.observation import Execution, Observation
from policies.approval import SignedApproval
from policies.decision import Permitted, ResourceFacts
from receipts.action.action import Action, Intent
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.intent import DecisionBasis
from receipts.reconciliation.verdict import Reason, Reconciliation
from receipts.store.transaction import Work
from server.execution.resolved_action import ResolvedAction
from server.execution.routes import RouteSkip


@dataclass(frozen=True, slots=True)
class PermittedAction:
    """A request that is permitted now, with everything that its first intent needs."""

    resolved: ResolvedAction
    before: Observation
    permitted: Permitted
    approvals: Sequence[SignedApproval]
    basis: DecisionBasis

    @property
    def action(self) -> Action:
        """The action that is permitted."""
        return self.resolved.action


@dataclass(frozen=True, slots=True)
class SentAttempt:
    """One attempt that is out, or was when its process died: everything that the rest of the path needs."""

    action: Action
    intent: Intent
    before: Observation
    execution: Execution
    attempts: tuple[Execution, ...]
    facts: ResourceFacts | None = None
    skipped: tuple[RouteSkip, ...] = ()


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


class Redecision(Protocol):
    """Decides an action once more, directly before a further send: with the approvals that it used."""

    async def permit(self, resolved: ResolvedAction, before: Observation, moved: bool = False) -> Permitted | None:
        """Cedar's permission on what was read just now; None when it is no longer given.

        `moved`: somebody else changed the record since, so that only approvals of what it is now may count.
        """
        ...


class OrphanRemoval(Protocol):
    """Takes back an object that an attempt made and whose outputs are lost."""

    async def remove_orphan(self, sent: SentAttempt, outputs: Mapping[str, JsonValue]) -> bool:
        """True when the object is gone."""
        ...


def interrupted_attempt(action: Action, intent: Intent) -> SentAttempt:
    """The attempt of a process that died: nobody knows how far it came, so it is in doubt until it is read back.

    Of one whose intent still waited for witnesses it is known that not one byte left.
    """
    at = intent.deadline_ms
    execution = Execution(
        intent.route,
        intent.attempt,
        "not_sent" if intent.uncosigned else "in_doubt",
        at,
        at,
        "",
        "",
        "",
        fault="the process that sent it died" if not intent.uncosigned else Reason.UNCOSIGNED,
        # the look before the first send; of a later one it is not kept when the first was
        keyed_since_ms=intent.before.at_ms if intent.attempt == 1 else None,
        uncosigned=intent.uncosigned,
    )
    return SentAttempt(action, intent, intent.before, execution, (execution,))
