"""The YAML model of a flow: the steps by which a person would do, or read, one thing in a web application's pages."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.schema.fields import Duration, Name, Strict
from contracts.schema.locator import Locator, Text

Path = Annotated[str, Field(pattern=r"^/")]
Verb = Literal["goto", "identity", "fill", "select", "check", "uncheck", "click", "expect", "read"]
VERBS: tuple[Verb, ...] = ("goto", "identity", "fill", "select", "check", "uncheck", "click", "expect", "read")


class Commit(Strict):
    """The one request that a click sends. Nothing else that could change anything ever leaves the page.

    `confirms` is the text of the one dialog that is accepted; every other dialog is dismissed.
    """

    post: Path | None = None
    put: Path | None = None
    patch: Path | None = None
    delete: Path | None = None
    confirms: Text | None = None

    @model_validator(mode="after")
    def _one_method(self) -> "Commit":
        if sum(getattr(self, m) is not None for m in ("post", "put", "patch", "delete")) != 1:
            raise ValueError("a commit names exactly one of post, put, patch, delete")
        return self

    @property
    def method(self) -> str:
        """The HTTP method, upper case."""
        return next(m for m in ("POST", "PUT", "PATCH", "DELETE") if getattr(self, m.lower()) is not None)

    @property
    def path(self) -> str:
        """The path template."""
        return str(getattr(self, self.method.lower()))


class FlowStep(Strict):
    """One step: exactly one verb with its words.

    `goto` a path · `identity` of the record on the page `is` what it must be · `fill` a field `with` a text · `select`
    an `option` by its label · `check`, `uncheck` · `click`, which may be the `commit` · `expect` an element, whose
    text `is` this · `read` a name `from` an element, or from the `url` at its `*`.
    """

    goto: Path | None = None
    query: dict[str, str] = Field(default_factory=dict)
    identity: Locator | None = None
    fill: Locator | None = None
    select: Locator | None = None
    check: Locator | None = None
    uncheck: Locator | None = None
    click: Locator | None = None
    expect: Locator | None = None
    read: Name | None = None
    is_: Annotated[str, Field(max_length=2000)] | None = Field(None, alias="is")
    with_: Annotated[str, Field(max_length=20_000)] | None = Field(None, alias="with")
    option: Text | None = None
    commit: Commit | None = None
    from_: Locator | None = Field(None, alias="from")
    url: Path | None = None
    optional: bool = Field(False, description="of a read: the element may be missing, and its value is then null")

    @model_validator(mode="after")
    def _one_verb(self) -> "FlowStep":
        verbs = [v for v in VERBS if getattr(self, v) is not None]
        if len(verbs) != 1:
            raise ValueError(f"a step has exactly one of {', '.join(VERBS)}")
        # a word at a verb that ignores it would be a condition that nobody checks
        words = {
            "query": ("goto",),
            "is_": ("identity", "expect"),
            "with_": ("fill",),
            "option": ("select",),
            "commit": ("click",),
            "from_": ("read",),
            "url": ("read",),
            "optional": ("read",),
        }
        for word, of in words.items():
            if getattr(self, word) not in (None, False, {}) and verbs[0] not in of:
                raise ValueError(f"`{word.rstrip('_')}` does not belong to `{verbs[0]}`")
        needed = {"identity": "is_", "fill": "with_", "select": "option"}.get(verbs[0])
        if needed and getattr(self, needed) is None:
            raise ValueError(f"`{verbs[0]}` needs `{needed.rstrip('_')}`")
        if verbs[0] == "read" and (self.from_ is None) is (self.url is None):
            raise ValueError("`read` needs exactly one of from, url")
        if self.url is not None and self.url.count("*") != 1:
            raise ValueError("`url` has exactly one `*`: the segment that is read")
        return self

    @property
    def verb(self) -> Verb:
        """Which of the verbs it is."""
        return next(v for v in VERBS if getattr(self, v) is not None)

    @property
    def locator(self) -> Locator | None:
        """The element that it is about."""
        found = self.from_ if self.verb == "read" else None if self.verb == "goto" else getattr(self, self.verb)
        return found if isinstance(found, Locator) else None


class AccountRead(Strict):
    """A path of the application that says in JSON who is signed in, and the field that does; asked in the session."""

    get: Path
    field: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,7}$")


class Flow(Strict):
    """One flow, as written. `contracts/README.md` explains every key."""

    later = frozenset({"session_storage", "account_from"})

    flow: Name
    version: int = Field(ge=1, le=1_000_000)
    title: str = Field(min_length=1, max_length=80)
    verified_against: str = Field(min_length=1, max_length=200)
    target: Name
    kind: Literal["write", "read", "login"]
    login: Name | None = Field(None, description="the flow that signs in")
    steps: tuple[FlowStep, ...] = Field(min_length=1, max_length=60)
    declined: Locator | None = Field(None, description="shown when the application says no to the commit")
    mask: tuple[Locator, ...] = Field((), max_length=20, description="what no screenshot or snapshot shows")
    patience: Duration = Field(5_000, ge=100, le=60_000, description="how long one element is waited for")
    challenge: tuple[Locator, ...] = Field((), description="of a login: a second factor or captcha, for a person")
    account: Locator | None = Field(None, description="of a login: shows who is signed in")
    account_from: AccountRead | None = Field(None, description="of a login: who is signed in, where no page shows it")
    local_storage: bool = Field(False, description="of a login: the session is kept in local storage too")
    session_storage: bool = Field(False, description="of a login: the session is kept in session storage too")
    refused: tuple[Path, ...] = Field((), max_length=20, description="of a login: pages that this account must not get")

    @model_validator(mode="after")
    def _shape(self) -> "Flow":
        commits = [i for i, step in enumerate(self.steps) if step.commit is not None]
        if self.steps[0].goto is None:
            raise ValueError("the first step is a `goto`")
        # INVARIANT 1: an intent names one request, so a flow sends one
        if len(commits) != (0 if self.kind == "read" else 1):
            raise ValueError("a read has no `commit`, every other flow exactly one")
        if self.kind == "login":
            if (self.account is None) is (self.account_from is None) or self.login is not None:
                raise ValueError(
                    "a login needs `account` or `account_from`, which say who is signed in, and no `login`"
                )
        elif self.challenge or self.account or self.account_from or self.refused:
            raise ValueError("`challenge`, `account`, `account_from` and `refused` belong to a login")
        elif self.local_storage or self.session_storage:
            raise ValueError("`local_storage` and `session_storage` belong to a login")
        # these are compared with any page, also one that shows another record
        plain = (self.declined, *self.mask, *self.challenge, self.account)
        if any("${" in locator.model_dump_json() for locator in plain if locator is not None):
            raise ValueError("no value goes into `declined`, `mask`, `challenge` or `account`")
        names = [step.read for step in self.steps if step.read]
        if len(names) != len(set(names)):
            raise ValueError("two steps read the same name")
        if self.kind == "read" and not names:
            raise ValueError("a read needs a step that reads")
        return self

    @model_validator(mode="after")
    def _knows_whom_it_meets(self) -> "Flow":
        """Before anything is entered, committed or read, the page has said whose record it shows.

        INVARIANT: a deep link can show somebody else's record, so every new page is asked again.
        """
        known = self.kind == "login"
        # a login acts before there is a record, so it has nobody to identify
        for index, step in enumerate(self.steps):
            acts = step.verb in ("fill", "select", "check", "uncheck") and self.kind == "write"
            if not known and (acts or step.commit is not None or step.verb == "read"):  # guard: identity before acting
                raise ValueError(f"`steps.{index}` comes before the `identity` of the record on its page")
            if step.verb == "identity":
                known = True
            elif step.verb in ("goto", "click"):
                known = self.kind == "login"
        return self
