"""A decision that is made again before a further send: on which state, and with which approvals."""

from dataclasses import dataclass

from contracts.action.observation import Observation
from contracts.compiler.program import Program
from policies.decision import Permitted
from receipts.reconciliation.checks import are_cut, checks_of
from receipts.reconciliation.comparison import same
from receipts.reconciliation.reconciliation import already_so
from server.execution.decisions import ApprovalCount, Decisions
from server.execution.resolved_action import ResolvedAction


@dataclass(frozen=True, slots=True)
class CountedBefore:
    """For the steps of a plan and for undos: what people approved is the plan, or the action that is taken back."""

    decisions: Decisions
    approvals: ApprovalCount

    async def permit(self, resolved: ResolvedAction, before: Observation, moved: bool = False) -> Permitted | None:
        """Cedar's permission on what was read just now; None when it is no longer given."""
        # INVARIANT 7: what people approved, and what we left there, is not what somebody made of it since
        if moved:  # guard: no step and no undo over somebody else's change
            return None
        decision = await self.decisions.decide(resolved, before, self.approvals)
        return decision if isinstance(decision, Permitted) else None


def is_as_before(program: Program, before: Observation, now: Observation) -> bool:
    """Is what shows whether a send had an effect as it was before that send?"""
    return same(program.probed, before, now) and not are_cut(program.probed, before, now)


def may_begin(resolved: ResolvedAction, before: Observation) -> bool:
    """Of a record that somebody else changed: does the contract allow the action, and is something left to do?"""
    program = resolved.program
    required = checks_of(program.require, resolved.scope(before), before.cut("before"))
    return all(check.met for check in required) and already_so(program, resolved.base, before) is None
