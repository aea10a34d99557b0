"""The YAML model of an action contract: everything that may happen when an agent calls the tool."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

Risk = Literal["low", "medium", "high", "critical"]
RISKS: tuple[Risk, ...] = ("low", "medium", "high", "critical")
Kind = Literal["write", "read"]
Way = Literal["http", "browser", "mcp", "python"]
Evidence = Literal["before", "after", "response", "screenshot", "snapshot"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=400)]
Values = str | tuple[str, ...]
"""A value of a query or a form; a list repeats the name."""
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
    """Closed, frozen wire models.

    `later` names the keys that a newer version of the format brought. At their default they are not written, so that
    the digest of a contract, and every approval bound to it, outlives a new version of this code.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_defaults_of_later(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        fields: dict[str, JsonValue] = handler(self)
        for name in self.later:
            info = type(self).model_fields[name]
            if getattr(self, name) == info.get_default(call_default_factory=True):
                fields.pop(info.alias or name, None)
                fields.pop(name, None)
        return fields


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
    if settle > milliseconds("10m"):
        raise ValueError("expected at most `10m`")
    return settle


class Items(Strict):
    """The items of a list input."""

    type: Literal["string", "integer"]
    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    max_length: int | None = Field(None, alias="maxLength")


class Late(Strict):
    """What a value must be that arrives from an earlier step of a plan, after the plan was approved."""

    later = frozenset({"pattern", "enum", "max"})

    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    max: int | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "Late":
        if self.pattern is None and self.enum is None and self.max is None:
            raise ValueError("a late input needs `pattern`, `enum` or `max`")
        return self

    def fits(self, value: object) -> bool:
        """Is the value within the declared bounds?"""
        if self.pattern is not None and not (isinstance(value, str) and re.fullmatch(self.pattern, value)):
            return False
        if self.enum is not None and value not in self.enum:
            return False
        return self.max is None or (isinstance(value, int) and not isinstance(value, bool) and value <= self.max)


class Input(Strict):
    """One input: a JSON Schema 2020-12 fragment whose keywords are all known here, and words of ours.

    The type `secret` takes only a handle that an earlier action gave; the value never passes through an agent.
    """

    later = frozenset({"late"})

    type: Literal["string", "integer", "boolean", "array", "secret"]
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
    late: Late | None = Field(None, description="a step of a plan may fill it with an earlier step's output")
    secret: Annotated[JsonValue, _unsupported("`secret` beside a type (write `type: secret`)")] = None


class McpCall(Strict):
    """One call of a tool of an upstream MCP server.

    `definition` pins what the tool was when this contract was written: the SHA-256 of its definition (`definition_of`).
    A tool that is another one is not called. In `arguments` every `${CEL}` is a whole value.
    """

    tool: str = Field(pattern=r"^[A-Za-z0-9_./-]{1,128}$")
    definition: str = Field(pattern=r"^[0-9a-f]{64}$")
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class PythonCall(Strict):
    """One call of an adapter in Python: an operation that it knows. In `arguments` every `${CEL}` is a whole value."""

    operation: Name
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class Observe(Strict):
    """One read of the source of truth. Some systems read by POST: then with a body, and still the read credential."""

    later = frozenset(
        {"post", "json_body", "form", "headers", "lists", "browser", "mcp", "python", "omits_empty", "whole"}
    )

    get: str | None = Field(None, pattern=r"^/")
    post: str | None = Field(None, pattern=r"^/")
    json_body: JsonValue = Field(None, alias="json")
    form: dict[str, Values] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    target: str | None = None
    query: dict[str, Values] = Field(default_factory=dict)
    may_be_absent: bool = Field(False, description="404 is an answer, and its value is null")
    decode: Literal["json", "xml"] = "json"
    lists: tuple[str, ...] = Field((), description="XML: the elements whose `member` children are a list")
    omits_empty: tuple[str, ...] = Field(
        (), description="lists that the target leaves out when they are empty: paths below the answer"
    )
    whole: Cel | None = Field(
        None, description="true when every list of the answer is whole; CEL over `body`, in place of the usual signs"
    )
    browser: Name | None = Field(None, description="the flow that reads it from the application's pages")
    mcp: McpCall | None = Field(None, description="the tool of an MCP server that reads it: `text` and `data`")
    python: PythonCall | None = Field(None, description="the operation of an adapter in Python that reads it")

    @model_validator(mode="after")
    def _one_method(self) -> "Observe":
        if sum(way is not None for way in (self.get, self.post, self.browser, self.mcp, self.python)) != 1:
            raise ValueError("name exactly one of get, post, browser, mcp, python")
        of_http = bool(self.query or self.headers or self.json_body is not None or self.form)
        if self.browser is not None and of_http:
            raise ValueError("a flow has no query, headers or body of its own here")
        if self.mcp is not None and (of_http or self.may_be_absent or self.lists or self.decode != "json"):
            raise ValueError("a tool has nothing here but `mcp` and `target`")
        if self.python is not None and (of_http or self.lists or self.decode != "json"):
            raise ValueError("an adapter has nothing here but `python`, `target` and `may_be_absent`")
        if self.get is not None and (self.json_body is not None or self.form is not None):
            raise ValueError("a GET has no body")
        if self.json_body is not None and self.form is not None:
            raise ValueError("a body is json or form, not both")
        if self.get is None and self.post is None and (self.omits_empty or self.whole):
            raise ValueError("`omits_empty` and `whole` are for a read by `get` or `post`")
        return self


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

    later = frozenset({"shown"})

    type: str = Field(pattern=r"^[A-Z][A-Za-z0-9]{0,63}$")
    id: str
    shown: str | None = Field(None, description="the same id as the record itself gives it: any other one is denied")
    label: str | None = None
    attributes: dict[Name, Attribute] = Field(default_factory=dict)


class Requester(Strict):
    """Who asked, read from the system that knows."""

    verified: Cel
    requester_is_subject: Cel


class Condition(Strict):
    """A condition in CEL, the sentence for when it holds and the one for when it does not.

    A field that is not there leaves a condition unread, neither met nor unmet. `absent` says why it counts as met then.
    """

    later = frozenset({"so", "absent"})

    that: Cel
    so: Sentence | None = Field(None, description="what is true when it holds, for example `the user is active`")
    otherwise: Sentence = Field(alias="else")
    absent: Sentence | None = Field(None, description="why a field that is not there counts as met")


class HttpRoute(Strict):
    """One HTTP request. Exactly one method; strings inside the body may hold `${CEL}`."""

    post: str | None = Field(None, pattern=r"^/")
    put: str | None = Field(None, pattern=r"^/")
    patch: str | None = Field(None, pattern=r"^/")
    delete: str | None = Field(None, pattern=r"^/")
    query: dict[str, Values] = Field(default_factory=dict)
    json_body: JsonValue = Field(None, alias="json")
    form: dict[str, Values] | None = None
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


class BrowserRoute(Strict):
    """One flow through the application's pages, and how long all of it may take."""

    flow: Name
    timeout: Duration = Field(30_000, ge=1_000, le=60_000)


class McpRoute(McpCall):
    """One call that acts, and how long it may take."""

    timeout: Duration = Field(10_000, ge=50, le=60_000)


class PythonRoute(PythonCall):
    """One call that acts, and how long it may take."""

    timeout: Duration = Field(10_000, ge=50, le=60_000)


class Route(Strict):
    """One way to do it, and how to read the answer. No answer alone ever decides the outcome."""

    later = frozenset({"decode", "lists"})

    http: HttpRoute | None = None
    browser: BrowserRoute | None = None
    mcp: McpRoute | None = None
    python: PythonRoute | None = None
    ok: Cel | None = None
    declined: Cel | None = Field(None, description="the application says no: final, no other route")
    no_effect: Cel | None = Field(None, description="the application proves that nothing happened: the next may run")
    decode: Literal["json", "xml"] = "json"
    lists: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> "Route":
        if sum(way is not None for way in (self.http, self.browser, self.mcp, self.python)) != 1:
            raise ValueError("a route is exactly one of http, browser, mcp, python")
        if self.way in ("http", "python") and self.ok is None:
            raise ValueError(f"a route by `{self.way}` needs `ok`")
        if self.browser is not None and (self.ok or self.declined or self.no_effect):
            raise ValueError("what a page says is declared in its flow")
        return self

    @property
    def way(self) -> Way:
        """Which kind of route it is."""
        ways: tuple[Way, ...] = ("http", "browser", "mcp", "python")
        return next(way for way in ways if getattr(self, way) is not None)


class SecretTo(Strict):
    """Where a secret output may go: `contract.input`, nowhere else, once each."""

    to: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}$")], ...] = ()


class Output(Strict):
    """An output with a form. A contract that carries secrets has no other outputs than these, or numbers and yes/no."""

    later = frozenset({"pattern", "enum", "secret"})

    value: str
    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    secret: SecretTo | None = None


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
        }
    )

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
    request: Requester | None = None
    resource: Resource | Literal["system"]
    require: tuple[Condition, ...] = ()
    says: str | None = Field(None, max_length=400)
    shows: tuple[str, ...] = ()
    execute: tuple[Route, ...] = ()
    detect: Literal["state", "new_object", "none"] = "none"
    settle: Annotated[Bound | int, BeforeValidator(_settled)] = Field(
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
            wrong = [k for k in ("execute", "expect", "unchanged", "require", "says", "shows") if getattr(self, k)]
            if wrong:
                raise ValueError(f"a read has no `{wrong[0]}`")
            if not self.outputs:
                raise ValueError("a read needs `outputs`: what the agent is given")
            if any(isinstance(o, Output) and o.secret for o in self.outputs.values()):
                raise ValueError("a read gives no secrets")
            return self
        if self.detect == "new_object" and self.new_object is None:
            raise ValueError("`detect: new_object` needs `new_object`: how to find what was made")
        if self.detect == "new_object" and self.idempotent is not None:
            raise ValueError("what makes a new object each time is not `idempotent`")
        missing = [k for k in ("execute", "expect", "says", "evidence") if not getattr(self, k)]
        if missing:
            raise ValueError(f"a write needs `{missing[0]}`")
        self._check_evidence()
        return self

    def _check_evidence(self) -> None:
        for way in {route.way for route in self.execute}:
            if not {"before", "after"} <= set(self.evidence.get(way, ())):
                raise ValueError(f"`evidence` of `{way}` needs at least `before` and `after`")
        if {"screenshot", "snapshot"} & {e for way, kept in self.evidence.items() if way != "browser" for e in kept}:
            raise ValueError("only a `browser` route has screenshots and snapshots")


class System(Strict):
    """Declarations that the contracts of one system share (`_system.yaml`), named there by the word `system`."""

    system: Name
    observe: dict[Name, Observe] = Field(default_factory=dict)
    resource: Resource | None = None
