"""One run of a plan in this process: what is committed stands in its rows, the rest is here until the next commit."""

from dataclasses import dataclass, field

from contracts.action.observation import Observation
from policies.approval import SignedApproval
from policies.plan_parser import PlanRequest
from receipts.action.action import Action
from receipts.action.action_form import unpack_observation
from receipts.store.transaction import Work
from server.execution.attempt import PendingEnd
from server.execution.decisions import ApprovalCount
from server.execution.fair_limiter import Slot
from server.plans.progress import Progress, Touched
from server.plans.stop_reason import StopReason
from server.plans.tally import StepEnd, Tally


@dataclass(frozen=True, slots=True)
class Pause:
    """The plan waits at a step's border, because something is halted; `position` is the step to begin with again."""

    halt: str
    position: int | None


@dataclass(slots=True)
class Run:
    """`pending` are transitions that the next commit takes along; `touched` is what the plan's own steps changed."""

    action: Action
    planned: PlanRequest
    progress: Progress
    approvals: list[SignedApproval]
    finished: dict[int, StepEnd] = field(default_factory=dict)
    undos: dict[int, Action] = field(default_factory=dict)
    open: Action | None = None
    pending: list[Work[None]] = field(default_factory=list)
    ended: list[PendingEnd] = field(default_factory=list)
    touched: Touched = field(default_factory=dict)
    place: Slot | None = None
    former: list[Slot] = field(default_factory=list)

    def add(self, ended: PendingEnd) -> None:
        """The transition of something that ended is committed with whatever comes next."""
        self.pending.append(ended.work)
        self.ended.append(ended)

    @property
    def approved(self) -> ApprovalCount:
        """The approvals that let the whole plan go."""
        return ApprovalCount(self.progress.roles, self.progress.oldest_seconds)

    @property
    def tally(self) -> Tally:
        """What became of each unit so far."""
        return Tally(self.planned.units, self.finished, self.progress.left_out, self.progress.unmet)

    def until_ms(self, now_ms: int) -> int:
        """When the plan runs out of time: from then on no further step begins."""
        return (self.progress.started_ms or now_ms) + self.planned.program.plan.not_after

    @property
    def stopped(self) -> StopReason | None:
        """Why no further step begins, since before this process; None while they do."""
        return StopReason.of(self.progress.stopped) if self.progress.stopped else None

    @property
    def health(self) -> Observation | None:
        """The plan's health before its first step."""
        return unpack_observation(self.progress.health.encode()) if self.progress.health else None
