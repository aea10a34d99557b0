"""The budget: what all agents together may do of some actions within a time, declared in `policies/budgets.yaml`.

It stands beside the policies that read it, since both are released, compared and taken back together. It decides
nothing: a policy compares `context.budget.NAME`, which is what others took plus what the request itself takes. What
counts is read from the journal (`receipts/journal/budget_count.py`), in the decision and again in the intent's commit.

- A budget that covers no write, or counts what a contract does not declare, MUST be refused: it would never be full.
- Budgets MUST NOT reach over tenants.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.schema.fields import milliseconds
from contracts.text.document import read_document
from contracts.text.nearest import did_you_mean
from contracts.text.source import MalformedSource
from policies.schema import membership

FILE: Final = "budgets.yaml"
"""The file of a workspace's budgets, in its folder `policies`."""
FULL: Final = 2**62
"""More than any budget: what a policy sees where nothing was counted. Cedar's numbers are below 2**63."""
UNKNOWN_COST: Final = 2**53 - 1
"""More than any budget: the largest integer that JSON carries exactly (RFC 8259, section 6)."""
Per = Literal["tenant", "connection", "role", "agent"]
_HINT: Final = "see policies/README.md for the format"
_DAY_MS: Final = 86_400_000


class BudgetText(BaseModel):
    """One budget as it is written. `window` is a calendar hour or day, or a rolling duration such as `30m`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][A-Za-z0-9_]{0,63}$")
    action: str | tuple[str, ...] = Field(description="contracts or groups, such as `tag_payment` or `write`")
    per: Per = Field("tenant", description="what has a count of its own")
    window: str = Field(description="`hour`, `day`, or a duration such as `30m` or `24h`, of a day at most")
    counts: Literal["calls", "spends"] = Field("calls", description="calls, or the sum of what contracts `spends`")

    @field_validator("window")
    @classmethod
    def _known(cls, window: str) -> str:
        # what is older may be in an archive by now, and would be counted no more
        if window not in ("hour", "day") and not 0 < milliseconds(window) <= _DAY_MS:
            raise ValueError("expected `hour`, `day` or a duration of at most `24h`")
        return window

    @property
    def facts(self) -> dict[str, JsonValue]:
        """What it says beside its name, for digests and comparisons."""
        return {**self.model_dump(mode="json", exclude={"name"}), "action": sorted(self.covers)}

    @property
    def covers(self) -> tuple[str, ...]:
        """The contracts and groups that it names."""
        return (self.action,) if isinstance(self.action, str) else self.action


class BudgetFile(BaseModel):
    """A file of budgets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    budgets: tuple[BudgetText, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget of a release. `actions` are the contracts that it covers; only writes take from it."""

    text: BudgetText
    actions: frozenset[str]

    @property
    def name(self) -> str:
        """The attribute of `context.budget`."""
        return self.text.name

    @property
    def says(self) -> str:
        """What is counted, what has a count of its own, and within which time."""
        window = self.text.window
        within = f"each {window} by the clock" if self._is_of_the_clock else f"within {window}"
        noun = "calls" if self.text.counts == "calls" else "what is spent"
        return f"{noun} per {self.text.per} {within}"

    def frees_ms(self, now_ms: int, time_zone: str, oldest_ms: int) -> int:
        """When it begins to have room again, if the oldest of what counts was sent then."""
        if not self._is_of_the_clock:
            return oldest_ms + milliseconds(self.text.window)
        # the first moment from which on the window begins later than now: hours and days are at most 25 hours long
        since, hour = self.since_ms(now_ms, time_zone), 3_600_000
        return next(began for at in range(1, 27) if (began := self.since_ms(now_ms + at * hour, time_zone)) > since)

    @property
    def _is_of_the_clock(self) -> bool:
        return self.text.window in ("hour", "day")

    def since_ms(self, now_ms: int, time_zone: str) -> int:
        """The first millisecond that counts now; calendar windows begin by the clocks of a time zone."""
        if not self._is_of_the_clock:
            return now_ms - milliseconds(self.text.window) + 1
        local = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(time_zone))
        start = local.replace(minute=0, second=0, microsecond=0)
        # a day that a clock change makes 25 hours long is counted whole
        start = start if self.text.window == "hour" else start.replace(hour=0, fold=0)
        return int(start.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Budgets:
    """All budgets of a release, by name."""

    by_name: Mapping[str, Budget] = field(default_factory=dict)

    def of(self, contract: str) -> tuple[Budget, ...]:
        """Those that cover a contract, by name."""
        return tuple(one for _, one in sorted(self.by_name.items()) if contract in one.actions)

    @property
    def content(self) -> dict[str, JsonValue]:
        """What they say, for a release's digest and its comparison."""
        return {name: one.text.facts for name, one in sorted(self.by_name.items())}


def budgets_of(text: str, programs: Mapping[str, Program]) -> Budgets:
    """The budgets of a file's text over these contracts. Raises `AilyusError` `bad_policy`."""
    found: dict[str, Budget] = {}
    for one in parsed(text):
        if one.name in found:
            raise _bad(f"the budget `{one.name}` is there twice")
        found[one.name] = Budget(one, _covered(one, programs))
    return Budgets(found)


def parsed(text: str) -> tuple[BudgetText, ...]:
    """The budgets as they are written, over whatever contracts. Raises `AilyusError` `bad_policy`."""
    if not text:
        return ()
    try:
        return BudgetFile.model_validate(read_document(text)[1]).budgets
    except MalformedSource as error:
        raise _bad(f"line {error.line}: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        where, why = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
        raise _bad(f"`{where}`: {why[:1].lower()}{why[1:]}") from None


def _covered(one: BudgetText, programs: Mapping[str, Program]) -> frozenset[str]:
    named = one.covers
    groups = {name: membership(program) | {name} for name, program in programs.items()}
    known = frozenset(group for own in groups.values() for group in own)
    for name in named:
        # a misspelt name would be a budget that nothing ever takes from
        if name not in known:
            hint = did_you_mean(name, known, where="name a contract or a group, such as `write`")
            raise _bad(f"the budget `{one.name}` covers `{name}`, which is no contract and no group of one", hint)
    covered = frozenset(name for name, own in groups.items() if own & set(named))
    writes = sorted(name for name in covered if programs[name].is_write)
    if not writes:
        raise _bad(f"the budget `{one.name}` covers no write, and only what is sent counts")
    silent = [name for name in writes if programs[name].spends is None]
    if one.counts == "spends" and silent:
        hint = "add `spends: inputs.NAME` to the contract, or count calls"
        raise _bad(f"the budget `{one.name}` counts what `{silent[0]}` spends, which declares no `spends`", hint)
    return covered


def share_of(budget: Budget, *, is_write: bool, spends: int) -> int:
    """What one call takes from a budget. Reads and undos take nothing: they send nothing that is new."""
    if not is_write:
        return 0
    return 1 if budget.text.counts == "calls" else spends


def cost_of(program: Program, params: Mapping[str, JsonValue], tenant: str) -> int:
    """What a call with these inputs spends by its contract; what cannot be told is `UNKNOWN_COST`."""
    if program.spends is None:
        return 0
    value = program.spends.value(program.scope(params, tenant, ""))
    # `True` is an int to Python, and no amount to anybody
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else UNKNOWN_COST


def names_of(budgets: Iterable[Budget]) -> tuple[str, ...]:
    """Their names."""
    return tuple(one.name for one in budgets)


def _bad(sentence: str, hint: str = _HINT) -> AilyusError:
    return AilyusError("bad_policy", sentence, hint=hint, field=FILE)
