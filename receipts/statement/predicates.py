"""The predicate of every kind of statement: what a receipt says, field by field.

One Pydantic model for each `Kind`. They are strict and closed: a field that is not declared here is in no statement.
`ailyus receipt schema` prints them as one JSON Schema (draft 2020-12). Names are camel case in the document.

What they are not: a check of signatures or of the log (`receipts.audit.verify`), nor a promise about statements of
earlier versions, which stay in a log as they were signed.
"""

from typing import Annotated, Literal

from pydantic import Field

from receipts.statement.action_facts import (
    ContractRef,
    DecisionFacts,
    IntentFacts,
    OutcomeFacts,
    RecheckFacts,
    ResolutionFacts,
    ResourceRef,
)
from receipts.statement.facts import ClosedModel, Digest, Ms, Pseudonym
from receipts.statement.gateway_facts import (
    AccessFacts,
    AgentFacts,
    ArchiveFacts,
    CandidateFacts,
    ClockFacts,
    ConnectionFacts,
    ErasureFacts,
    EscalationFacts,
    HaltFacts,
    KeyFacts,
    LossFacts,
    ReleaseFacts,
    RoleFacts,
    RotationFacts,
    ShadowFacts,
    StateFacts,
    TenantFacts,
)


class _Frame(ClosedModel):
    receipt: str
    changed: bool | None
    at_ms: Ms
    origin: str
    tenant: str
    search: tuple[str, ...]
    commitments: dict[str, Digest]


class _OfAction(_Frame):
    """What every statement about an action says."""

    status: str
    agent: str
    person: Pseudonym
    contract: ContractRef
    connection: str
    target: str
    resource: ResourceRef | None
    action: str
    release: Digest
    governed: bool
    boundary: str


class _NoContract(ClosedModel):
    id: Literal[""]


class _OfGateway(_Frame):
    """What every statement about the gateway itself says; the facts stand in `about`."""

    status: Literal[""]
    agent: Literal[""]
    contract: _NoContract
    action: None


class IntentPredicate(_OfAction, IntentFacts):
    """`https://ailyus.dev/intent/v1`."""

    kind: Literal["intent"]


class OutcomePredicate(_OfAction, OutcomeFacts):
    """`https://ailyus.dev/outcome/v1`."""

    kind: Literal["outcome"]


class DecisionPredicate(_OfAction, DecisionFacts):
    """`https://ailyus.dev/decision/v1`."""

    kind: Literal["decision"]


class RecheckPredicate(_OfAction, RecheckFacts):
    """`https://ailyus.dev/recheck/v1`."""

    kind: Literal["recheck"]


class ResolutionPredicate(_OfAction, ResolutionFacts):
    """`https://ailyus.dev/resolution/v1`."""

    kind: Literal["resolution"]


class ReleasePredicate(_OfGateway):
    """`https://ailyus.dev/release/v1`."""

    kind: Literal["release"]
    about: ReleaseFacts


class KeyPredicate(_OfGateway):
    """`https://ailyus.dev/key/v1`."""

    kind: Literal["key"]
    about: KeyFacts


class AgentPredicate(_OfGateway):
    """`https://ailyus.dev/agent/v1`."""

    kind: Literal["agent"]
    about: AgentFacts


class HaltPredicate(_OfGateway):
    """`https://ailyus.dev/halt/v1`."""

    kind: Literal["halt"]
    about: HaltFacts


class EscalationPredicate(_OfGateway):
    """`https://ailyus.dev/escalation/v1`."""

    kind: Literal["escalation"]
    about: EscalationFacts


class StatePredicate(_OfGateway):
    """`https://ailyus.dev/state/v1`."""

    kind: Literal["state"]
    about: StateFacts


class AccessPredicate(_OfGateway):
    """`https://ailyus.dev/access/v1`."""

    kind: Literal["access"]
    about: AccessFacts


class TenantPredicate(_OfGateway):
    """`https://ailyus.dev/tenant/v1`."""

    kind: Literal["tenant"]
    about: TenantFacts


class RolePredicate(_OfGateway):
    """`https://ailyus.dev/role/v1`."""

    kind: Literal["role"]
    about: RoleFacts


class ClockPredicate(_OfGateway):
    """`https://ailyus.dev/clock/v1`."""

    kind: Literal["clock"]
    about: ClockFacts


class LossPredicate(_OfGateway):
    """`https://ailyus.dev/loss/v1`."""

    kind: Literal["loss"]
    about: LossFacts


class ConnectionPredicate(_OfGateway):
    """`https://ailyus.dev/connection/v1`."""

    kind: Literal["connection"]
    about: ConnectionFacts


class ArchivePredicate(_OfGateway):
    """`https://ailyus.dev/archive/v1`."""

    kind: Literal["archive"]
    about: ArchiveFacts


class CandidatePredicate(_OfGateway):
    """`https://ailyus.dev/candidate/v1`."""

    kind: Literal["candidate"]
    about: CandidateFacts


class ShadowPredicate(_OfGateway):
    """`https://ailyus.dev/shadow/v1`."""

    kind: Literal["shadow"]
    about: ShadowFacts


class ErasurePredicate(_OfGateway):
    """`https://ailyus.dev/erasure/v1`."""

    kind: Literal["erasure"]
    about: ErasureFacts


class RotationPredicate(_OfGateway):
    """`https://ailyus.dev/rotation/v1`."""

    kind: Literal["rotation"]
    about: RotationFacts


Predicate = Annotated[
    IntentPredicate
    | OutcomePredicate
    | DecisionPredicate
    | RecheckPredicate
    | ResolutionPredicate
    | ReleasePredicate
    | KeyPredicate
    | AgentPredicate
    | HaltPredicate
    | EscalationPredicate
    | StatePredicate
    | AccessPredicate
    | TenantPredicate
    | RolePredicate
    | ClockPredicate
    | LossPredicate
    | ArchivePredicate
    | ConnectionPredicate
    | CandidatePredicate
    | ShadowPredicate
    | ErasurePredicate
    | RotationPredicate,
    Field(discriminator="kind"),
]
