"""The YAML model of a plan: several actions with one outcome, in steps that may run for each item of a list."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from contracts.schema.contract import Condition
from contracts.schema.fields import Cel, DraftMark, Duration, Name, Sentence, Strict
from contracts.schema.input import Input
from contracts.schema.route import Observe

# the caps bound what one approval can set off: people read all of it before they sign
MAX_STEPS = 50
MAX_ITEMS = 1000
_WHILE = re.compile(r"([a-z][a-z0-9_]{0,63}) while ([a-z][a-z0-9_]{0,63})")
Keep = Annotated[str, Field(pattern=f"^{_WHILE.pattern}$")]
Wave = Annotated[int, Field(ge=1, le=MAX_ITEMS)] | Literal["rest"]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Step(Strict):
    """One step: a contract with its inputs, or a list of items with the steps that each of them goes through.

    An input may be `${inputs.x}`, `${item}` or `${item.field}` in CEL, or exactly `${steps.ID.outputs.NAME}`: the
    output of an earlier step, which only a secret input or one declared `late` takes.
    """

    # keys that came later leave the digest of older plans, and so their approvals, as they are
    later = frozenset({"skip_unmet", "optional"})

    id: Name
    contract: Name | None = None
    connection: str | None = None
    inputs: dict[Name, JsonValue] = Field(default_factory=dict)
    for_each: str | tuple[JsonValue, ...] | None = None
    waves: tuple[Wave, ...] = Field((), max_length=10, description="how many items at a time; `rest` at the end")
    skip_missing: bool = Field(False, description="leave out items that do not exist or are not permitted, and say so")
    skip_unmet: bool = Field(False, description="leave out items whose `require` does not hold, and say so")
    optional: bool = Field(False, description="when nothing changed by it (`not_applied`), the plan goes on without it")
    steps: "tuple[Step, ...]" = ()

    @model_validator(mode="after")
    def _shape(self) -> "Step":
        if (self.contract is None) is not bool(self.steps):
            raise ValueError("a step has a `contract`, or `for_each` with `steps`")
        if self.steps and self.for_each is None:
            raise ValueError("inner `steps` need `for_each`")
        if (self.waves or self.skip_missing or self.skip_unmet) and self.for_each is None:
            raise ValueError("`waves`, `skip_missing` and `skip_unmet` need `for_each`")
        # an item of a list has `skip_missing` and `skip_unmet` for the same purpose
        if self.optional and self.steps:
            raise ValueError("`optional` stands at a step with a `contract`")
        if "rest" in self.waves[:-1]:
            raise ValueError("`rest` is the last wave")
        # two levels would multiply items, and no person could oversee what is approved
        if any(inner.steps or inner.for_each is not None for inner in self.steps):
            raise ValueError("a list stands in no other list")
        return self


class Plan(Strict):
    """One plan, as written. `contracts/README.md` explains every key."""

    later = frozenset({"not_secret", "keep", "draft"})

    plan: Name
    draft: DraftMark = Field(None, description="it is still written on, and nothing of it counts yet")
    version: int = Field(1, ge=1, le=1_000_000)
    title: str = Field(min_length=1, max_length=80)
    summary: Sentence
    use_when: Sentence
    not_for: Sentence | None = None
    inputs: dict[Name, Input] = Field(default_factory=dict)
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    observe: dict[Name, Observe] = Field(default_factory=dict)
    expect: tuple[Condition, ...] = ()
    worse: Cel | None = Field(None, description="true when the health is worse than before: no further wave begins")
    on_failure: Literal["undo", "undo_wave", "continue", "stop", "escalate"] = "undo"
    keep: Annotated[tuple[Keep, ...], BeforeValidator(_listed, json_schema_input_type=Keep | tuple[Keep, ...])] = Field(
        (), description="`A while B`: the step A is not taken back while B is done and stays"
    )
    escalate: str | None = None
    not_secret: tuple[str, ...] = Field(
        (), description="where a secret passes: observed fields that can hold none, whose values may be kept in clear"
    )
    not_after: Duration = Field(3_600_000, ge=1000, le=86_400_000)
    approval_valid: Duration = Field(3_600_000, ge=1000, le=86_400_000)
    refused_hold: Duration = Field(3_600_000, ge=0, le=86_400_000)
    repeat_window: Duration = Field(600_000, ge=0, le=86_400_000)

    @model_validator(mode="after")
    def _ids(self) -> "Plan":
        ids = [s.id for step in self.steps for s in (step, *step.steps)]
        twice = next((i for i in ids if ids.count(i) > 1), None)
        if twice:
            raise ValueError(f"the step id `{twice}` is used twice")
        if len(ids) > MAX_STEPS:
            raise ValueError(f"a plan has at most {MAX_STEPS} steps")
        if (self.expect or self.worse) and not self.observe:
            raise ValueError("`expect` and `worse` need `observe`")
        for kept, holder in self.keeps:
            # INVARIANT 7: an undo runs in reverse, so only what was done before its holder can be kept for it
            if kept not in ids or holder not in ids or ids.index(kept) >= ids.index(holder):
                raise ValueError(f"`keep: {kept} while {holder}` needs two steps of the plan, the kept one first")
        return self

    @property
    def keeps(self) -> tuple[tuple[str, str], ...]:
        """What `keep` says: a step, and the later step while which stays it is not taken back."""
        return tuple((m[1], m[2]) for text in self.keep if (m := _WHILE.fullmatch(text)))
