"""The outcome of an action (denied, asked for, permitted), and how one differs from another."""

from dataclasses import dataclass

from policies.approval_requirement import ApprovalRequirement
from policies.case import Case
from policies.decision import ApprovalRequired, Decision, Permitted


@dataclass(frozen=True, slots=True)
class Place:
    """Where an action goes: a connection, or an environment without one; its environment before and after."""

    connection: str
    tenant: str
    before: str
    after: str

    @property
    def says(self) -> str:
        """The environment, with both where they differ."""
        return self.before if self.before == self.after else f"{self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """Denied, asked for (`needs`: any one of these is enough) or permitted."""

    permitted: bool
    needs: tuple[ApprovalRequirement, ...] = ()

    @classmethod
    def of(cls, decision: Decision) -> "ActionOutcome":
        """The outcome of a decision."""
        return cls(isinstance(decision, Permitted), decision.needs if isinstance(decision, ApprovalRequired) else ())

    @property
    def says(self) -> str:
        """In words, as in a table."""
        if self.needs:
            return "asks " + " or ".join(" and ".join(f"{n} {role}" for role, n in need) for need in self.needs)
        return "permitted" if self.permitted else "denied"

    def is_wider(self, before: "ActionOutcome") -> bool:
        """Is more let through: permitted without asking, or with fewer or other approvals than before?"""
        if before.permitted or not (self.permitted or self.needs):
            return False
        return self.permitted or any(not any(_asks_no_less(n, old) for old in before.needs) for n in self.needs)


@dataclass(frozen=True, slots=True)
class OutcomeChange:
    """One difference: who asks for what where, both outcomes, the policies that differ, and a situation that shows it.

    `situations` is how many of those that were looked at differ in this way.
    """

    who: str
    action: str
    risk: str
    resource: str
    place: Place
    before: ActionOutcome
    after: ActionOutcome
    policies: tuple[str, ...]
    case: Case
    situations: int

    @property
    def widens(self) -> bool:
        """Does the change let more through?"""
        return self.after.is_wider(self.before)

    @property
    def says(self) -> str:
        """One sentence for people."""
        kind = "wider" if self.widens else "narrower"
        return (
            f"{kind}: {self.who} may {self.action} of {self.resource} in {self.place.says}: "
            f"{self.before.says} → {self.after.says}"
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes of outcomes, the riskiest first, and how many situations were looked at."""

    changes: tuple[OutcomeChange, ...]
    situations: int
    is_whole: bool


def _asks_no_less(need: ApprovalRequirement, old: ApprovalRequirement) -> bool:
    """Does whoever meets the need meet the old one, too?"""
    counts = dict(need)
    return all(counts.get(role, 0) >= n for role, n in old)
