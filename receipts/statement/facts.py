"""What the statement of each kind says beside its frame, field by field, as strict and closed models."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from contracts.action.observation import Channel, Delivery
from receipts.action.action_result import Status

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 in hex")]
Pseudonym = Annotated[str, Field(description="HMAC-SHA-256 of a personal value under its tenant's key, in hex")]
Ms = Annotated[int, Field(ge=0, description="milliseconds since the Unix epoch")]
Need = Annotated[dict[str, int], Field(description="how many people of each role; all of one need must approve")]
Kind = Literal[
    "intent",
    "outcome",
    "decision",
    "key",
    "release",
    "agent",
    "state",
    "halt",
    "escalation",
    "resolution",
    "recheck",
    "access",
    "tenant",
    "role",
    "erasure",
    "clock",
]


class ClosedModel(BaseModel):
    """Strict, frozen and closed; camel case in the document."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class StatementFacts(ClosedModel):
    """What a statement of one kind says beside its frame: only what was set is written."""

    of_kind: ClassVar[Kind]

    @property
    def said(self) -> dict[str, JsonValue]:
        """As it stands in the document."""
        # to look for what does not fit takes twice as long; the suite holds every statement against the schema
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)

    def also(self, more: Mapping[str, object]) -> Self:
        """It with these fields, by their names here; itself where there are none."""
        return self.model_copy(update=more) if more else self


class ActionFacts(StatementFacts):
    """Of a statement about an action."""


class GatewayFacts(StatementFacts):
    """Of a statement about the gateway itself."""


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


class ReadFact(ClosedModel):
    """One read that was answered."""

    status: int
    at_ms: Ms
    request_id: str | None


class CheckFact(ClosedModel):
    """One expectation or requirement as a sentence; `met` is null where it could not be read."""

    that: str
    met: bool | None
    else_: Annotated[str, Field(alias="else")] = ""
    not_read: str = ""


class AttemptFact(ClosedModel):
    """One send by one route."""

    attempt: int
    route: int
    delivery: Delivery
    method: str
    request_digest: str
    status: int | None
    fault: str | None
    started_ms: Ms
    ended_ms: Ms
    idempotency_key: str | None
    request_id: str | None
    identity: str
    via: str
    notes: tuple[str, ...] = ()


class SkippedRouteFact(ClosedModel):
    """A route that was passed over, and why."""

    route: int
    why: str


class PlanStepRef(ClosedModel):
    """Which step of which plan an action is."""

    action: str
    step: str
    position: int
    of: int
    wave: int
    digest: str


class PlanRef(ClosedModel):
    """Which plan, with how many steps after its lists were unfolded."""

    name: str
    units: int
    digest: str = ""


class PlanStepFact(ClosedModel):
    """What became of one step of a plan. `kept`: why it was not undone although it should have been."""

    id: str
    tool: str
    state: str
    wave: int
    action_id: Annotated[str, Field(alias="action_id")] = ""
    receipt_id: Annotated[str, Field(alias="receipt_id")] = ""
    kept: str = ""


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


class ReleaseFacts(GatewayFacts):
    """The set of contracts, policies, schema and connections that decides from now on."""

    of_kind: ClassVar[Kind] = "release"

    release: Digest
    author: str | None
    governed: bool
    contracts: dict[str, str]
    policies: Digest
    schema_: Annotated[Digest, Field(alias="schema")]
    engine: str
    keyid: str = ""
    signed: Digest | None = None
    reason: str = ""


class KeyFacts(GatewayFacts):
    """A person's key was linked or revoked."""

    of_kind: ClassVar[Kind] = "key"

    event: Literal["linked", "revoked"]
    keyid: str
    public: str = ""
    key_kind: str = ""
    holder: Pseudonym = ""
    authority: str = ""
    credential: str = ""
    rp_id: str = ""
    origin: str = ""
    last_good_size: int = 0


class AgentFacts(GatewayFacts):
    """An agent was added, promoted, revoked, or taken over from an earlier version."""

    of_kind: ClassVar[Kind] = "agent"

    event: Literal["added", "promoted", "revoked", "adopted"]
    agent: str
    observe_only: bool = False
    registration: Digest | None = None


class HaltFacts(GatewayFacts):
    """Something was halted, or may go on."""

    of_kind: ClassVar[Kind] = "halt"

    event: Literal["halted", "lifted"]
    scope: str
    name: str
    allow_undo: bool
    by: str


class EscalationFacts(GatewayFacts):
    """Somebody was told, nobody could be, or somebody took it on."""

    of_kind: ClassVar[Kind] = "escalation"

    event: str
    escalation: str
    route: str
    of: str
    by: Pseudonym = ""


class StateFacts(GatewayFacts):
    """What was open at a moment."""

    of_kind: ClassVar[Kind] = "state"

    running: int
    waiting: int
    actions: tuple[str, ...]


class AccessFacts(GatewayFacts):
    """Somebody read evidence or a proof."""

    of_kind: ClassVar[Kind] = "access"

    reader: str
    of: str
    label: str


class TenantFacts(GatewayFacts):
    """A tenant has a key, of which the log holds the digest."""

    of_kind: ClassVar[Kind] = "tenant"

    event: Literal["keyed"]
    tenant: str
    key_digest: Digest


class RoleFacts(GatewayFacts):
    """An identity provider told a person's roles."""

    of_kind: ClassVar[Kind] = "role"

    event: Literal["told"]
    holder: Pseudonym
    fact: str


class ClockFacts(GatewayFacts):
    """The store's time was taken back, by a person."""

    of_kind: ClassVar[Kind] = "clock"

    event: Literal["clock"]
    from_: Annotated[int, Field(alias="from")]
    to: int
    by: str
    reason: str


class ErasureFacts(GatewayFacts):
    """Evidence was erased, by its labels."""

    of_kind: ClassVar[Kind] = "erasure"

    receipt: str
    labels: tuple[str, ...]
