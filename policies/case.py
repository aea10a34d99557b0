"""The case of a policy test (`*.test.yaml`): who asks for what, in which state, and what Cedar must say."""

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from contracts.errors import AilyusError
from contracts.text.document import read_document
from contracts.text.source import MalformedSource, files_of, read_source
from policies.budget import FILE as BUDGET_FILE
from policies.principal import PersonAttributes
from policies.release_content import Noun

# one form of name, so that no file of tests is passed over for its name
_SUFFIX = ".test.yaml"


_OF_RELEASES = frozenset(
    ("name", "release", "person", "approvals", "oldest_seconds", "change_freeze", "now", "expect", "need", "because")
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Who(_Strict):
    """A principal of a test; without a name it has one of its own. The role `*` stands for every declared role.

    Only a person has what stands below the tenant.
    """

    name: str = ""
    roles: tuple[str, ...] = ()
    tenant: str = "acme"
    subject: str = ""
    team: str = ""
    manager: str = ""
    region: str = ""
    employment: str = ""
    on_call: bool = False

    @property
    def attributes(self) -> PersonAttributes:
        """What policies know of them beside tenant and roles."""
        return PersonAttributes(self.team, self.manager, self.region, self.employment, self.on_call)


class What(_Strict):
    """The resource of a test, as observed. The environment `*` stands for each that is declared."""

    id: str = "resource"
    tenant: str = "acme"
    environment: str = "prod"
    attributes: dict[str, JsonValue] = Field(default_factory=dict)


class Usage(_Strict):
    """What the agent used of the contract so far."""

    last_hour: int = 0
    last_day: int = 0
    spent_last_day: int = 0
    spends: int = 0


class Every(_Strict):
    """Every contract in a group: `read`, `write`, `risk_at_least_…` or `tag_…`."""

    every: str


class CaseRelease(_Strict):
    """What a release changes, for the policies of `release.cedar`: see `ReleaseRequest`."""

    risk: Literal["", "low", "medium", "high", "critical"] = ""
    widens: bool = False
    rollback: bool = False
    parts: tuple[Noun, ...] = ()


class Case(_Strict):
    """One case: `expect` is the outcome, `need` the approvals asked for, `because` ids that must have decided.

    With `approver` and `role` it asks whether that person may approve the action in that role. An action such as
    `{every: write}` names a group of contracts: the case is run for each. `not_permitted` is denied or asked for. With
    `release` in place of an action it is about a release, which `person` signs.
    """

    name: str
    action: str | Every = ""
    release: CaseRelease | None = None
    agent: Who = Who()
    person: Who = Who()
    resource: What = What()
    params: dict[str, JsonValue] = Field(default_factory=dict)
    request: dict[Literal["verified", "requesterIsSubject"], bool] | None = None
    approvals: dict[str, int] = Field(default_factory=dict)
    oldest_seconds: int = 0
    change_freeze: bool = False
    incident: bool = False
    time_zone: str = "UTC"
    open_incident: bool = False
    plan_size: int = 0
    wave: int = 0
    repeat: int = 0
    origin_trusted: bool = False
    # without one, a fixed time: a test decides today what it decided yesterday
    now: AwareDatetime | None = None
    rate: Usage = Usage()
    # with what this call takes; what is left out is as if nobody else took anything
    budget: dict[str, int] = Field(default_factory=dict)
    # contracts whose data the agent was shown before, or groups of them
    saw: tuple[str, ...] = ()
    approver: Who | None = None
    role: str | None = None
    # `not_permitted` where a case is about a group, of which some are asked for and some denied
    expect: Literal["permitted", "approval_required", "denied", "not_permitted", "may_approve", "may_not_approve"]
    need: dict[str, int] | None = None
    because: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _shape(self) -> "Case":
        if bool(self.action) is (self.release is not None):
            raise ValueError("a case names an `action`, or what a `release` changes")
        if self.release is not None and (others := sorted(self.model_fields_set - _OF_RELEASES)):
            raise ValueError(f"`{others[0]}` says nothing about a release")
        if (self.approver is None) is not (self.role is None):
            raise ValueError("`approver` and `role` belong together")
        if (self.approver is None) is self.expect.startswith("may_"):
            raise ValueError("`may_approve` and `may_not_approve` are for cases with an `approver`, and for no other")
        if self.need is not None and self.expect != "approval_required":
            raise ValueError("`need` is for cases that expect `approval_required`")
        return self


class CaseFile(_Strict):
    """A file of cases."""

    tests: tuple[Case, ...]


def load_tests(folder: Path) -> list[tuple[str, Case]]:
    """Every case below a folder, with its file's name. Raises `AilyusError` where there is none."""
    cases: list[tuple[str, Case]] = []
    for path in files_of(folder, "*"):
        # policies and budgets stand beside their tests; what `policy prove` shows is no test
        if path.suffix.lower() not in (".yaml", ".yml") or path.name in ("invariants.yaml", BUDGET_FILE):
            continue
        if not path.name.endswith(_SUFFIX):
            raise AilyusError("bad_policy", f"its name does not end in `{_SUFFIX}`", hint="rename it", field=path.name)
        try:
            content = CaseFile.model_validate(read_document(read_source(path))[1])
        except MalformedSource as error:
            raise _no_tests(path, f"line {error.line}: {error}") from None
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            why = problem["msg"].removeprefix("Value error, ")
            raise _no_tests(path, f"`{where}`: {why[:1].lower()}{why[1:]}") from None
        if not content.tests:
            raise _no_tests(path, "`tests` is an empty list")
        cases.extend((path.name, case) for case in content.tests)
    # a release without tests has proven nothing, so none is not enough
    if not cases:
        hint = f"write one beside each policy, in a file `NAME{_SUFFIX}`; `ailyus policy new` writes both"
        raise AilyusError("tests_failed", f"there are no policy tests in `{folder.name}`", hint=hint)
    return cases


def _no_tests(path: Path, why: str) -> AilyusError:
    hint = "see policies/README.md for the format"
    return AilyusError("bad_policy", f"no policy tests: {why}", hint=hint, field=path.name)
