"""The YAML model of one input: a fragment of JSON Schema 2020-12 whose keywords are all known."""

import re
from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from contracts.schema.fields import Name, Sentence, Strict, unsupported


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
        # people approve before the value is there, so a bound is all that they can approve
        if self.pattern is None and self.enum is None and self.max is None:
            raise ValueError("a late input needs `pattern`, `enum` or `max`")
        return self

    def fits(self, value: object) -> bool:
        """Is the value within the declared bounds?"""
        if self.pattern is not None and not (isinstance(value, str) and re.fullmatch(self.pattern, value)):
            return False
        if self.enum is not None and value not in self.enum:
            return False
        # `True` is an int for Python and none for JSON
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
    # JSON Schema writes these in camel case; the validator would pass a misspelt keyword without a word
    min_length: int | None = Field(None, alias="minLength", ge=0)
    # 20,000 characters are a long e-mail; all arguments of a call together have 64 KiB
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
    # a known key, so that the error says what to write in its place
    secret: Annotated[JsonValue, unsupported("`secret` beside a type (write `type: secret`)")] = None
