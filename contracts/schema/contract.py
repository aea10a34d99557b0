"""The YAML model of an action contract: everything that may happen when an agent calls the tool."""

from typing import Annotated, Final, Literal

from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    model_validator,
)

from contracts.schema.fields import Cel, DraftMark, Duration, Name, Sentence, Strict, WrittenDuration, milliseconds
from contracts.schema.input import Input
from contracts.schema.job import Job
from contracts.schema.output import Output
from contracts.schema.rate_headers import RateHeaders
from contracts.schema.resource import Resource
from contracts.schema.route import Observe, Route, Way

Risk = Literal["low", "medium", "high", "critical"]
RISKS: tuple[Risk, ...] = ("low", "medium", "high", "critical")
Kind = Literal["write", "read"]
Evidence = Literal["before", "after", "response", "screenshot", "snapshot"]


class Bound(Strict):
    """How long the target's reads may lag behind its writes, at most, and how that is known."""

    within: Duration = Field(ge=0, le=600_000)
    because: Sentence


def _settled(value: object) -> object:
    if isinstance(value, dict):
        try:
            return Bound.model_validate(value)
        except ValueError:
            raise ValueError("needs `within`, a duration up to `10m`, and `because`, a sentence") from None
    if isinstance(value, Bound):
        return value
    settle = milliseconds(value)
    # longer than this nobody waits for an answer: a recheck looks again later
    if settle > milliseconds("10m"):
        raise ValueError("expected at most `10m`")
    return settle


class Requester(Strict):
    """Who asked, read from the system that knows."""

    verified: Cel
    requester_is_subject: Cel


class Condition(Strict):
    """A condition in CEL, the sentence for when it holds and the one for when it does not.

    A field that is not there leaves a condition unread, neither met nor unmet. `absent` says why it counts as met then.
    """

    later = frozenset({"so", "absent"})

    # CEL and not a language of ours: it is bounded, has no effects, and its errors are values
    that: Cel
    so: Sentence | None = Field(None, description="what is true when it holds, for example `the user is active`")
    otherwise: Sentence = Field(alias="else")
    absent: Sentence | None = Field(None, description="why a field that is not there counts as met")


class Undo(Strict):
    """The contract that takes this action back. In scope: inputs, before, outputs."""

    contract: Name
    inputs: dict[Name, JsonValue] = Field(default_factory=dict)


class NewObject(Strict):
    """How to find what this action made, when the target names it: the difference of two lists.

    `in` is the path of the list below the observations, `id` the field that names an object. `ours` is CEL over `it`
    (an object), inputs and window.{start, end} (RFC 3339, the time of our send): only such an object is ours.
    `outputs` are the outputs that can be read from the object later; a secret that was shown once is not among them.
    """

    in_: str = Field(alias="in")
    id: str
    ours: Cel
    outputs: dict[Name, str] = Field(default_factory=dict)


class Contract(Strict):
    """One action contract, as written. `contracts/README.md` explains every key."""

    later = frozenset(
        {
            "new_object",
            "ours",
            "widens",
            "recheck",
            "spends",
            "same_channel",
            "not_secret",
            "idempotent",
            "refusal",
            "job",
            "draft",
        }
    )

    contract: Name
    draft: DraftMark = Field(None, description="it is still written on, and nothing of it counts yet")
    version: int = Field(ge=1, le=1_000_000)
    title: str = Field(min_length=1, max_length=80)
    summary: Sentence
    use_when: Sentence
    not_for: Sentence | None = None
    kind: Kind
    risk: Risk
    tags: tuple[Name, ...] = ()
    verified_against: str = Field(min_length=1, max_length=200, description="what its requests were tried against")
    target: Name
    inputs: dict[Name, Input]
    observe: dict[Name, Observe | Literal["system"]]
    request: Requester | None = None
    resource: Resource | Literal["system"]
    require: tuple[Condition, ...] = ()
    says: str | None = Field(None, max_length=400)
    shows: tuple[str, ...] = ()
    execute: tuple[Route, ...] = ()
    # `none` is the strict default: without a way to tell, an action in doubt is escalated
    detect: Literal["state", "new_object", "none"] = "none"
    settle: Annotated[Bound | int, BeforeValidator(_settled, json_schema_input_type=WrittenDuration | Bound)] = Field(
        5_000, description="how long to read back; `{within, because}` where no read lags behind a write for longer"
    )
    idempotent: Sentence | None = Field(
        None, description="why the same request, sent twice, leaves what it leaves when it is sent once"
    )
    expect: tuple[Condition, ...] = ()
    foreign: Cel | None = Field(
        None, description="true of a state that only somebody else can have made: an action in doubt is then escalated"
    )
    unchanged: tuple[str, ...] = ()
    evidence: dict[Way, tuple[Evidence, ...]] = Field(default_factory=dict)
    disclose: tuple[str, ...] = ()
    outputs: dict[Name, str | Output] = Field(default_factory=dict)
    escalate: str | None = None
    undo: Literal["none"] | Undo | None = None
    new_object: NewObject | None = None
    ours: Cel | None = Field(None, description="true when the answer ties the change that was read back to our request")
    widens: Cel | None = Field(None, description="true when it gives a right that nobody has now: no undo does that")
    refusal: Cel | None = Field(
        None, description="the words of a refusal that the agent may read as data, for example `response.body.message`"
    )
    job: Job | None = Field(None, description="the request starts a job, whose end is the end of the action")
    recheck: tuple[Duration, ...] = Field((), max_length=5, description="observe and expect again after these times")
    spends: Cel | None = Field(None, description="what it takes from a budget, a whole number of smallest units")
    same_channel: Sentence | None = Field(
        None, description="why it is enough, at risk high, that the server that acts is also the one that is read back"
    )
    not_secret: tuple[str, ...] = Field(
        (), description="where a secret passes: observed fields that can hold none, whose values may be kept in clear"
    )
    repeat_window: Duration = Field(600_000, ge=0, le=86_400_000)
    refused_hold: Duration = Field(3_600_000, ge=0, le=86_400_000)
    approval_valid: Duration = Field(3_600_000, ge=1000, le=86_400_000)

    @property
    def settle_ms(self) -> int:
        """How long the record is read back, in milliseconds."""
        return self.settle.within if isinstance(self.settle, Bound) else self.settle

    @property
    def bound_ms(self) -> int | None:
        """After how long a read that shows nothing proves that nothing happened; None where no bound is declared."""
        return self.settle.within if isinstance(self.settle, Bound) else None

    @model_validator(mode="after")
    def _shape(self) -> "Contract":
        if self.kind == "read":
            writes = ("execute", "expect", "unchanged", "require", "says", "shows", "job")
            wrong = [k for k in writes if getattr(self, k)]
            if wrong:
                raise ValueError(f"a read has no `{wrong[0]}`")
            if not self.outputs:
                raise ValueError("a read needs `outputs`: what the agent is given")
            # INVARIANT 9: a read leaves no intent, so nothing would use the handle up
            if any(isinstance(o, Output) and o.secret for o in self.outputs.values()):
                raise ValueError("a read gives no secrets")
            return self
        if self.detect == "new_object" and self.new_object is None:
            raise ValueError("`detect: new_object` needs `new_object`: how to find what was made")
        # INVARIANT 4: a second send would make a second object
        if self.detect == "new_object" and self.idempotent is not None:
            raise ValueError("what makes a new object each time is not `idempotent`")
        # INVARIANT 6: without `expect` nothing could ever be confirmed
        missing = [k for k in ("execute", "expect", "says", "evidence") if not getattr(self, k)]
        if missing:
            raise ValueError(f"a write needs `{missing[0]}`")
        if self.job is not None and any(route.http is None for route in self.execute):
            raise ValueError("`job` is for routes by `http`")
        self._check_evidence()
        return self

    def _check_evidence(self) -> None:
        for way in {route.way for route in self.execute}:
            # INVARIANT 6: an outcome is shown by what was read before and after, so both are kept
            if not {"before", "after"} <= set(self.evidence.get(way, ())):
                raise ValueError(f"`evidence` of `{way}` needs at least `before` and `after`")
        if {"screenshot", "snapshot"} & {e for way, kept in self.evidence.items() if way != "browser" for e in kept}:
            raise ValueError("only a `browser` route has screenshots and snapshots")


RECORD_PAGE: Final = r"^(/([A-Za-z0-9._~-]+|\$\{inputs\.[a-z][a-z0-9_]*\}))+/?$"
"""A path whose segments are plain text or one input each."""


class System(Strict):
    """Declarations that the contracts of one system share (`_system.yaml`), named there by the word `system`."""

    later = frozenset({"rates", "page"})

    system: Name
    observe: dict[Name, Observe] = Field(default_factory=dict)
    resource: Resource | None = None
    rates: tuple[RateHeaders, ...] = Field((), max_length=5, description="how the target tells what it still takes")
    page: str | None = Field(
        None,
        pattern=RECORD_PAGE,
        max_length=200,
        description="where people look at a record: a path below the connection's address, as /tickets/${inputs.id}",
    )
