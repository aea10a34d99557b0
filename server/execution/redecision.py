"""A decision that is made again before a further send, where the approvals were counted once and for all."""

from dataclasses import dataclass

from contracts.action.observation import Observation
from policies.decision import Permitted
from server.execution.decisions import ApprovalCount, Decisions
from server.execution.resolved_action import ResolvedAction


@dataclass(frozen=True, slots=True)
class CountedBefore:
    """For the steps of a plan and for undos: what people approved is the plan, or the action that is taken back."""

    decisions: Decisions
    approvals: ApprovalCount

    async def permit(self, resolved: ResolvedAction, before: Observation) -> Permitted | None:
        """Cedar's permission on what was read just now; None when it is no longer given."""
        decision = await self.decisions.decide(resolved, before, self.approvals)
        return decision if isinstance(decision, Permitted) else None
