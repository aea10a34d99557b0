"""How a contract reads and acts: HTTP, pages, MCP tools, adapters in Python."""

from typing import Literal

from pydantic import (
    Field,
    JsonValue,
    model_validator,
)

from contracts.schema.fields import Cel, Duration, Name, Strict, Values
from contracts.schema.idempotency_key import IdempotencyKey
from contracts.schema.pages import Pages

Way = Literal["http", "browser", "mcp", "python"]


class McpCall(Strict):
    """One call of a tool of an upstream MCP server.

    `definition` pins what the tool was when this contract was written: the SHA-256 of its definition (`definition_of`).
    A tool that is another one is not called. In `arguments` every `${CEL}` is a whole value.
    """

    tool: str = Field(pattern=r"^[A-Za-z0-9_./-]{1,128}$")
    # a server may change what a tool does under the same name; the pin makes that visible
    definition: str = Field(pattern=r"^[0-9a-f]{64}$")
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class PythonCall(Strict):
    """One call of an adapter in Python: an operation that it knows. In `arguments` every `${CEL}` is a whole value."""

    operation: Name
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class Observe(Strict):
    """One read of the source of truth. Some systems read by POST: then with a body, and still the read credential."""

    later = frozenset(
        {"post", "json_body", "form", "headers", "lists", "browser", "mcp", "python", "omits_empty", "whole", "pages"}
    )

    get: str | None = Field(None, pattern=r"^/")
    post: str | None = Field(None, pattern=r"^/")
    json_body: JsonValue = Field(None, alias="json")
    form: dict[str, Values] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    target: str | None = None
    query: dict[str, Values] = Field(default_factory=dict)
    may_be_absent: bool = Field(False, description="404 is an answer, and its value is null")
    decode: Literal["json", "xml", "csv"] = "json"
    lists: tuple[str, ...] = Field((), description="XML: the elements whose `member` children are a list")
    omits_empty: tuple[str, ...] = Field(
        (), description="lists that the target leaves out when they are empty: paths below the answer"
    )
    whole: Cel | None = Field(
        None, description="true when every list of the answer is whole; CEL over `body`, in place of the usual signs"
    )
    pages: Pages | None = Field(None, description="how all pages of a list are read")
    browser: Name | None = Field(None, description="the flow that reads it from the application's pages")
    mcp: McpCall | None = Field(None, description="the tool of an MCP server that reads it: `text` and `data`")
    python: PythonCall | None = Field(None, description="the operation of an adapter in Python that reads it")

    @model_validator(mode="after")
    def _one_method(self) -> "Observe":
        if sum(way is not None for way in (self.get, self.post, self.browser, self.mcp, self.python)) != 1:
            raise ValueError("name exactly one of get, post, browser, mcp, python")
        of_http = bool(self.query or self.headers or self.json_body is not None or self.form)
        # a key that the way does not use would look as if it were sent
        if self.browser is not None and of_http:
            raise ValueError("a flow has no query, headers or body of its own here")
        if self.mcp is not None and (of_http or self.may_be_absent or self.lists or self.decode != "json"):
            raise ValueError("a tool has nothing here but `mcp` and `target`")
        if self.python is not None and (of_http or self.lists or self.decode != "json"):
            raise ValueError("an adapter has nothing here but `python`, `target` and `may_be_absent`")
        # servers may ignore or refuse it (RFC 9110 section 9.3.1)
        if self.get is not None and (self.json_body is not None or self.form is not None):
            raise ValueError("a GET has no body")
        if self.json_body is not None and self.form is not None:
            raise ValueError("a body is json or form, not both")
        if self.get is None and self.post is None and (self.omits_empty or self.whole or self.pages):
            raise ValueError("`omits_empty`, `whole` and `pages` are for a read by `get` or `post`")
        if self.get is None and self.pages is not None and self.pages.sends is None:
            raise ValueError("a URL is followed by `get` only; a `post` sends a cursor, a number or an offset")
        return self


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
    # INVARIANT 4: with the target's promise to honour it, a second send does no harm
    idempotency_key: str | IdempotencyKey | None = Field(
        None, description="the header in which the target honours our key, or `{query | header, max_length, within}`"
    )
    if_match: str | None = Field(None, description="a template for If-Match, for example ${before.user.meta.version}")

    @model_validator(mode="after")
    def _one_method(self) -> "HttpRoute":
        if len([m for m in ("post", "put", "patch", "delete") if getattr(self, m)]) != 1:
            raise ValueError("name exactly one of post, put, patch, delete")
        if self.json_body is not None and self.form is not None:
            raise ValueError("a body is json or form, not both")
        if self.key is not None and self.key.query is not None and self.key.query in self.query:
            raise ValueError(f"`{self.key.query}` is the idempotency key's, so `query` has no value for it")
        return self

    @property
    def key(self) -> IdempotencyKey | None:
        """The idempotency key; a bare text names its header."""
        written = self.idempotency_key
        return IdempotencyKey(header=written) if isinstance(written, str) else written

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
    # a page loads many files, so it gets three times as long as one request
    timeout: Duration = Field(30_000, ge=1_000, le=60_000)


class McpRoute(McpCall):
    """One call that acts, and how long it may take."""

    timeout: Duration = Field(10_000, ge=50, le=60_000)


class PythonRoute(PythonCall):
    """One call that acts, and how long it may take."""

    timeout: Duration = Field(10_000, ge=50, le=60_000)


class Route(Strict):
    """One way to do it, and how to read the answer. No answer alone ever decides the outcome."""

    later = frozenset({"decode", "lists", "stale"})

    http: HttpRoute | None = None
    browser: BrowserRoute | None = None
    mcp: McpRoute | None = None
    python: PythonRoute | None = None
    ok: Cel | None = None
    declined: Cel | None = Field(None, description="the application says no: final, no other route")
    no_effect: Cel | None = Field(None, description="the application proves that nothing happened: the next may run")
    stale: Cel | None = Field(
        None, description="the application refused it, since the version that was sent is old: it is decided anew"
    )
    decode: Literal["json", "xml"] = "json"
    lists: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> "Route":
        if sum(way is not None for way in (self.http, self.browser, self.mcp, self.python)) != 1:
            raise ValueError("a route is exactly one of http, browser, mcp, python")
        # INVARIANT 6: no status code means success by itself; an MCP result says `is_error`
        if self.way in ("http", "python") and self.ok is None:
            raise ValueError(f"a route by `{self.way}` needs `ok`")
        if self.browser is not None and (self.ok or self.declined or self.no_effect):
            raise ValueError("what a page says is declared in its flow")
        if self.stale is not None and self.http is None:
            raise ValueError("`stale` is for a route by `http`")
        # INVARIANT 4: under one key a target would answer another request with the answer to the first
        if self.stale is not None and self.http is not None and self.http.key is not None:
            raise ValueError("a version that is sent lets nothing be done twice, so `stale` needs no idempotency key")
        return self

    @property
    def way(self) -> Way:
        """Which kind of route it is."""
        ways: tuple[Way, ...] = ("http", "browser", "mcp", "python")
        return next(way for way in ways if getattr(self, way) is not None)
