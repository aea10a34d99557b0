"""The decision about one request: permitted, denied or approvals needed, with the facts and the record of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from contracts.action.observation import Outage
from contracts.canonical import sha256
from policies.approval_requirement import ApprovalRequirement
from policies.bundle import ENGINE


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """Live facts about one resource, as Cedar sees them. Built only from an answered observation."""

    resource_type: str
    resource_id: str
    label: str | None
    attributes: Mapping[str, JsonValue]
    asked: Mapping[str, bool] | None
    tenant: str
    environment: str
    # agents read mail and web outside of us, so a connection has to say it
    origin_trusted: bool


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What was decided, so that a stranger can run it again: ids, digests, the normalised request, the engine.

    `policies` are the deciding `@id`s for the agent and for the person apart. `partial`: decided before the record was
    looked at, so its requests hold neither resource nor context.
    """

    policies: Mapping[str, tuple[str, ...]]
    errors: tuple[str, ...]
    slice_digest: str
    schema_digest: str
    entities: bytes
    requests: bytes
    # another version of Cedar could decide otherwise, so the record names it
    engine: str = ENGINE
    partial: bool = False

    @property
    def entities_digest(self) -> str:
        """SHA-256 of the entities document."""
        return sha256(self.entities)

    @property
    def requests_digest(self) -> str:
        """SHA-256 of the two normalised Cedar requests."""
        return sha256(self.requests)


@dataclass(frozen=True, slots=True)
class CedarAnswer:
    """What Cedar says: permitted or not, the record of it, and the approvals of which any one would permit it."""

    permitted: bool
    record: DecisionRecord
    needs: tuple[ApprovalRequirement, ...]


@dataclass(frozen=True, slots=True)
class Permitted:
    """Cedar permits it now, with these verified approvals."""

    facts: ResourceFacts
    record: DecisionRecord
    # what was used up: an intent binds exactly these approvals (INVARIANT 2)
    need: ApprovalRequirement = ()
    decision_context: "DecisionContext | None" = None


@dataclass(frozen=True, slots=True)
class ApprovalRequired:
    """Denied now, but these minimal vectors of approvals would permit it."""

    facts: ResourceFacts
    record: DecisionRecord
    # several vectors where either of two roles would do; all of them are minimal
    needs: tuple[ApprovalRequirement, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """Not permitted. `reason` is for receipts and people, never for the agent."""

    reason: str
    record: DecisionRecord | None = None


@dataclass(frozen=True, slots=True)
class Unavailable(Denied):
    """Nobody was asked for permission, since the facts could not be read: nothing goes out, and it is no refusal."""

    # INVARIANT 9: it denies like any other, but people must not read it as a refusal
    outage: Outage = "unreachable"
    connection: str = ""
    frees_seconds: float = 0.0


Decision = Permitted | ApprovalRequired | Denied


@dataclass(frozen=True, slots=True)
class Rate:
    """How often an agent used a contract, and for how much; what is in flight or in doubt is part of it."""

    last_hour: int = 0
    last_day: int = 0
    spent_last_day: int = 0

    def plus(self, more: "Rate") -> "Rate":
        """Both together."""
        return Rate(
            self.last_hour + more.last_hour,
            self.last_day + more.last_day,
            self.spent_last_day + more.spent_last_day,
        )


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What a decision depends on beside the request: time, change freeze, repeats, rate, plan, open incidents.

    `spends` is what the request itself would take from its budget. `incident` is the settings' switch, and says nothing
    of the resource; `time_zone` is a name of the IANA database, whose clocks policies read. `budgets` are what
    others took from each budget and what the request itself takes, together. `saw` names
    the contracts whose data the agent was shown for its person, and their groups; None where nobody looked.
    """

    now_ms: int
    change_freeze: bool = False
    repeat: int = 0
    rate: Rate = Rate()
    spends: int = 0
    plan_size: int = 0
    wave: int = 0
    open_incident: bool = False
    incident: bool = False
    time_zone: str = "UTC"
    budgets: Mapping[str, int] = field(default_factory=dict)
    saw: frozenset[str] | None = None
