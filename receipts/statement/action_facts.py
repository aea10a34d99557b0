"""The facts of an action: what the statement of each kind about one says, from the intent to a person's word."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.action.observation import Channel
from receipts.action.status import Status
from receipts.statement.attempt_facts import AttemptFact, CheckFact, ReadFact, SkippedRouteFact
from receipts.statement.facts import ActionFacts, ClosedModel, Digest, Kind, Ms, Need, Pseudonym
from receipts.statement.plan_facts import PlanRef, PlanStepFact, PlanStepRef

_COSIGNATURES = "so many witnesses must have cosigned a checkpoint over this intent before its request left"


class ContractRef(ClosedModel):
    """Which contract, in which content."""

    id: str
    version: int
    digest: Digest


class ResourceRef(ClosedModel):
    """The record that an action is about; its id is a pseudonym."""

    type: str
    id: Pseudonym


class CedarDecision(ClosedModel):
    """What Cedar decided from: digests of its inputs, and which policies decided for whom."""

    policies: dict[str, tuple[str, ...]]
    errors: int
    slice: Digest
    schema_: Annotated[Digest, Field(alias="schema")]
    entities: Digest
    requests: Digest
    engine: str
    partial: bool = Field(default=False, description="an early decision: the resource was not known yet")


class IntentFacts(ActionFacts):
    """Written before the first byte: exactly this request, at this target, until this deadline."""

    of_kind: ClassVar[Kind] = "intent"

    decision: CedarDecision | None
    approvals: tuple[str, ...]
    before: dict[str, ReadFact]
    called_ms: Ms
    attempt: int
    route: int
    via: str
    deadline_ms: Ms
    settle_ms: int
    request_digest: Digest
    action_digest: Digest
    epoch: int
    fence: int
    cosignatures: Annotated[int, Field(ge=0, description=_COSIGNATURES)] = 0
    plan: PlanStepRef | None = None
    undoes: str = ""
    skipped: tuple[SkippedRouteFact, ...] = ()


class OutcomeFacts(ActionFacts):
    """The end of an action that was decided to go ahead: sent, already so, not met, or read; or the end of a plan."""

    of_kind: ClassVar[Kind] = "outcome"

    called_ms: Ms = 0
    decision: CedarDecision | None = None
    intent: str = ""
    before: dict[str, ReadFact] = Field(default_factory=dict)
    after: dict[str, ReadFact] = Field(default_factory=dict)
    attempts: tuple[AttemptFact, ...] = ()
    checks: tuple[CheckFact, ...] = ()
    required: tuple[CheckFact, ...] = ()
    attribution: Literal["ours", "state_only", "other"] | None = None
    observer: Channel | None = None
    reason: str = ""
    answer: Digest
    escalated_to: str | None = None
    drifted: tuple[str, ...] = ()
    plan: PlanStepRef | None = None
    undoes: str = ""
    skipped: tuple[SkippedRouteFact, ...] = ()
    plan_of: PlanRef | None = None
    steps: tuple[PlanStepFact, ...] = ()
    limits: tuple[str, ...] = ()


class DecisionFacts(ActionFacts):
    """What policy or a person decided: asked, approved, withdrawn, refused, denied, unavailable, previewed, or over."""

    of_kind: ClassVar[Kind] = "decision"

    called_ms: Ms = 0
    expires_ms: Ms = 0
    decision: CedarDecision | None = None
    needs: tuple[Need, ...] = ()
    display: Digest | None = None
    before: dict[str, ReadFact] | dict[str, dict[str, ReadFact]] = Field(default_factory=dict)
    attempts: tuple[AttemptFact, ...] = ()
    plan_of: PlanRef | None = None
    plan: PlanStepRef | None = None
    code: str | None = None
    unavailable: str = ""
    answer: Digest | None = None
    approval: str = ""
    role: str = ""
    keyid: str = ""
    approver: Pseudonym = ""


class RecheckFacts(ActionFacts):
    """A later look at what has ended."""

    of_kind: ClassVar[Kind] = "recheck"

    was: Status | None = None
    checks: tuple[CheckFact, ...]
    after: dict[str, ReadFact] = Field(default_factory=dict)
    attribution: Literal["ours", "state_only", "other"] | None = None
    observer: Channel | None = None
    reason: str = ""
    answer: Digest | None = None
    steps: tuple[PlanStepFact, ...] = ()
    limits: tuple[str, ...] = ()


class ResolutionFacts(ActionFacts):
    """A person's signed word about an outcome in doubt; asserted, never confirmed."""

    of_kind: ClassVar[Kind] = "resolution"

    resolver: Pseudonym
    keyid: str
    was: Status
