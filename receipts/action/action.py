"""One action as the journal keeps it: its request, its caller, whose turn it is, and what its agent was told."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest, Caller
from receipts.action.action_result import ActionResult
from receipts.action.sentence import ActionSentence
from receipts.action.status import Status

State = Literal["new", "waiting", "ready", "running", "ended"]
_STATE: TypeAdapter[State] = TypeAdapter(State)


@dataclass(frozen=True, slots=True)
class PlanStep:
    """Which step of which plan an action is.

    `fence` is the plan's own: once somebody took the plan over, it commits no more steps. `digest` is the plan's action
    digest.
    """

    plan_id: str
    fence: int
    position: int
    size: int
    key: str
    wave: int = 1
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """A request on its way. `result` is the last answer that its agent was given or would be given.

    `first` is true while this process knows that the call had no earlier action; a stored action does not say.
    `preview`: decide and look, change nothing. `plan` is how far a plan is; `step` is set for an action that is a step
    of one; `undoes` names the action that this one takes back. `sent_ms` is when its first intent was committed, and
    `updated_ms` when the store last changed it. `is_cancel_requested`: a plan is to end at its next border. `sentence`
    says what it does to whom, and stays as it was first committed; a row of an older version has none. `names` are the
    values by which it is found exactly (the record's id and label, indexed inputs); a stored action does not say them.
    """

    id: str
    request: ActionRequest
    caller: Caller
    state: State = "new"
    status: Status = "running"
    fence: int = 0
    release: str = ""
    asked: bytes | None = None
    result: ActionResult | None = None
    created_ms: int = 0
    expires_ms: int = 0
    held_until_ms: int = 0
    first: bool = False
    preview: bool = False
    plan: bytes | None = None
    step: PlanStep | None = None
    undoes: str | None = None
    sent_ms: int = 0
    updated_ms: int = 0
    is_cancel_requested: bool = False
    sentence: ActionSentence | None = None
    names: frozenset[str] = frozenset()

    def is_of(self, caller: Caller) -> bool:
        """Did this agent ask for it, for this person? Nobody else may see it."""
        request = self.request
        # INVARIANT 9: all three, since two tenants may have agents and people of the same names
        return (request.tenant, request.agent, request.person) == (caller.tenant, caller.agent, caller.person)

    @property
    def receipt_id(self) -> str | None:
        """The receipt of what its agent was told last."""
        return self.result.receipt_id if self.result else None

    @property
    def watched(self) -> str:
        """The id that an agent waits for: the plan's, for a step."""
        return self.step.plan_id if self.step else self.id


@dataclass(frozen=True, slots=True)
class Intent:
    """A committed intent whose outcome is not known yet.

    `uncosigned`: its request waits for cosignatures that the store does not hold, so that not one byte of it left.
    """

    action_id: str
    step: int
    attempt: int
    route: int
    fence: int
    deadline_ms: int
    settle_ms: int
    action_digest: str
    target_digest: str
    before: Observation
    receipt_id: str
    uncosigned: bool = False


def state_of(value: object) -> State:
    """A stored state; anything else means that the store was tampered with."""
    return _STATE.validate_python(value)
