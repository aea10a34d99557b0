"""What comes of a plain call of a role: the outcome, the approvals that are asked for, the policies that decide."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.compiler.program import Program
from policies.case import Case, Who
from policies.decider import Decider
from policies.decision import ApprovalRequired, Decision, Permitted
from policies.testing import evaluate


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """The outcome of one call, with words for a policy test."""

    decision: Decision

    @property
    def expected(self) -> str:
        """What a test expects of it, as it stands below `expect:`."""
        match self.decision:
            case Permitted():
                return "permitted"
            case ApprovalRequired():
                return f"approval_required\n    need: {self.need}"
            case _:
                return f"denied\n    because: [{self.deciding}]"

    @property
    def need(self) -> str:
        """The approvals that are asked for, as YAML; empty where none are."""
        if not isinstance(self.decision, ApprovalRequired):
            return ""
        # the first is the smallest: others ask for more people
        return "{" + ", ".join(f"{role}: {n}" for role, n in self.decision.needs[0]) + "}"

    @property
    def deciding(self) -> str:
        """The ids of the policies that decided."""
        policies = self.decision.record.policies if self.decision.record else {}
        return ", ".join(sorted({name for names in policies.values() for name in names}))


def plain_case(action: str, role: str) -> Case:
    """An agent and a person of one role ask for an action, and nothing about it is special."""
    return Case(name="new", action=action, agent=Who(roles=(role,)), person=Who(roles=(role,)), expect="permitted")


def plain_outcome(decider: Decider, programs: Mapping[str, Program], action: str, role: str) -> PolicyOutcome:
    """What comes of it."""
    return PolicyOutcome(evaluate(decider, programs, plain_case(action, role)))
