"""The YAML model of an action contract: everything that may happen when an agent calls the tool."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

Risk = Literal["low", "medium", "high", "critical"]
RISKS: tuple[Risk, ...] = ("low", "medium", "high", "critical")
Kind = Literal["write", "read"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=400)]
Cel = Annotated[str, Field(min_length=1, max_length=4096)]

_DURATION = re.compile(r"(\d{1,6})(ms|s|m|h)")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def milliseconds(value: object) -> int:
    """A duration such as `500ms`, `10s`, `5m` or `1h` in milliseconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("expected a duration such as `500ms`, `10s` or `5m`")
    return int(match[1]) * _UNITS[match[2]]


Duration = Annotated[int, BeforeValidator(milliseconds)]


def _unsupported(what: str) -> BeforeValidator:
    def refuse(value: object) -> object:
        if value not in (None, "none"):
            raise ValueError(f"{what} is not supported yet")
        return value

    return BeforeValidator(refuse)


class Strict(BaseModel):
    """Closed, frozen wire models."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Items(Strict):
    """The items of a list input."""

    type: Literal["string", "integer"]
    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    max_length: int | None = Field(None, alias="maxLength")


class Input(Strict):
    """One input: a JSON Schema 2020-12 fragment whose keywords are all known here, and four words of ours."""

    type: Literal["string", "integer", "boolean", "array"]
    description: Sentence
    pattern: str | None = None
    format: Literal["email", "date", "date-time", "uuid"] | None = None
    enum: tuple[str, ...] | None = None
    min_length: int | None = Field(None, alias="minLength", ge=0)
    max_length: int | None = Field(None, alias="maxLength", ge=1, le=20_000)
    minimum: int | None = None
    maximum: int | None = None
    items: Items | None = None
    min_items: int | None = Field(None, alias="minItems", ge=0)
    max_items: int | None = Field(None, alias="maxItems", ge=1, le=1000)
    default: JsonValue = None
    examples: tuple[JsonValue, ...] = ()
    from_: Name | None = Field(None, alias="from", description="the read contract that supplies this id")
    index: bool = Field(False, description="receipts can be found by this value")
    optional: bool = Field(False, description="may be left out; it is then absent everywhere")
    secret: Annotated[JsonValue, _unsupported("a secret input")] = None


class Observe(Strict):
    """One read of the source of truth."""

    get: str = Field(pattern=r"^/")
    target: str | None = None
    query: dict[str, str] = Field(default_factory=dict)
    may_be_absent: bool = Field(False, description="404 is an answer, and its value is null")
    decode: Literal["json"] | Annotated[str, _unsupported("decoding other than json")] = "json"


class Attribute(Strict):
    """An attribute of the resource in Cedar: always typed, always required."""

    type: Literal["Bool", "Long", "String", "Decimal", "SetOfString"]
    value: str
    default: JsonValue = Field(None, description="the strict value to use when the expression has none")
    authority: Literal["target", "target_user"] = Field(
        "target", description="target_user: the user can edit it at the target, so no policy may use it in a forbid"
    )


class Resource(Strict):
    """What Cedar decides about. Tenant and environment are put there by the gateway, from the connection."""

    type: str = Field(pattern=r"^[A-Z][A-Za-z0-9]{0,63}$")
    id: str
    label: str | None = None
    attributes: dict[Name, Attribute] = Field(default_factory=dict)


class Asked(Strict):
    """Who asked, read from the system that knows."""

    verified: Cel
    requester_is_subject: Cel


class Condition(Strict):
    """A condition in CEL and the sentence for when it does not hold."""

    that: Cel
    otherwise: Sentence = Field(alias="else")


class HttpRoute(Strict):
    """One HTTP request. Exactly one method; strings inside the body may hold `${CEL}`."""

    post: str | None = Field(None, pattern=r"^/")
    put: str | None = Field(None, pattern=r"^/")
    patch: str | None = Field(None, pattern=r"^/")
    delete: str | None = Field(None, pattern=r"^/")
    query: dict[str, str] = Field(default_factory=dict)
    json_body: JsonValue = Field(None, alias="json")
    form: dict[str, str] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    timeout: Duration = Field(10_000, ge=50, le=60_000)
    idempotency_key: str | None = Field(None, description="the header in which the target honours our key")
    if_match: str | None = Field(None, description="a template for If-Match, for example ${before.user.meta.version}")

    @model_validator(mode="after")
    def _one_method(self) -> "HttpRoute":
        if len([m for m in ("post", "put", "patch", "delete") if getattr(self, m)]) != 1:
            raise ValueError("name exactly one of post, put, patch, delete")
        if self.json_body is not None and self.form is not None:
            raise ValueError("a body is json or form, not both")
        return self

    @property
    def method(self) -> str:
        """The HTTP method, upper case."""
        return next(m for m in ("POST", "PUT", "PATCH", "DELETE") if getattr(self, m.lower()))

    @property
    def path(self) -> str:
        """The path template."""
        return str(getattr(self, self.method.lower()))


class Route(Strict):
    """One way to do it, and how to read the answer. No answer alone ever decides the outcome."""

    http: HttpRoute | None = None
    browser: Annotated[JsonValue, _unsupported("the browser route")] = None
    mcp: Annotated[JsonValue, _unsupported("an mcp adapter")] = None
    python: Annotated[JsonValue, _unsupported("a Python adapter")] = None
    ok: Cel | None = None
    declined: Cel | None = Field(None, description="the application says no: final, no other route")
    no_effect: Cel | None = Field(None, description="the application proves that nothing happened: the next may run")

    @model_validator(mode="after")
    def _one_way(self) -> "Route":
        if self.http is None or self.ok is None:
            raise ValueError("a route needs `http` and `ok`")
        return self


class Contract(Strict):
    """One action contract, as written. `contracts/README.md` explains every key."""

    contract: Name
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
    request: Asked | None = None
    resource: Resource | Literal["system"]
    require: tuple[Condition, ...] = ()
    says: str | None = Field(None, max_length=400)
    shows: tuple[str, ...] = ()
    execute: tuple[Route, ...] = ()
    detect: Literal["state", "new_object", "none"] = "none"
    settle: Duration = Field(5_000, ge=0, le=600_000)
    expect: tuple[Condition, ...] = ()
    foreign: Cel | None = Field(
        None, description="true of a state that only somebody else can have made: an action in doubt is then escalated"
    )
    unchanged: tuple[str, ...] = ()
    evidence: dict[Literal["http"], tuple[Literal["before", "after", "response"], ...]] = Field(default_factory=dict)
    disclose: tuple[str, ...] = ()
    outputs: dict[Name, str] = Field(default_factory=dict)
    escalate: str | None = None
    undo: Annotated[str | None, _unsupported("an undo other than `none`")] = None
    repeat_window: Duration = Field(600_000, ge=0, le=86_400_000)
    refused_hold: Duration = Field(3_600_000, ge=0, le=86_400_000)
    approval_valid: Duration = Field(3_600_000, ge=1000, le=86_400_000)

    @model_validator(mode="after")
    def _shape(self) -> "Contract":
        if self.kind == "read":
            wrong = [k for k in ("execute", "expect", "unchanged", "require", "says", "shows") if getattr(self, k)]
            if wrong:
                raise ValueError(f"a read has no `{wrong[0]}`")
            if not self.outputs:
                raise ValueError("a read needs `outputs`: what the agent is given")
            return self
        missing = [k for k in ("execute", "expect", "says", "evidence") if not getattr(self, k)]
        if missing:
            raise ValueError(f"a write needs `{missing[0]}`")
        if not {"before", "after"} <= set(self.evidence["http"]):
            raise ValueError("`evidence` of a route needs at least `before` and `after`")
        return self


class System(Strict):
    """Declarations that the contracts of one system share (`_system.yaml`), named there by the word `system`."""

    system: Name
    observe: dict[Name, Observe] = Field(default_factory=dict)
    resource: Resource | None = None
