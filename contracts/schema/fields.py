"""The parts that every file of a contract, a plan or a flow is made of: strict models, names, sentences, durations."""

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
)

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=400)]
Values = str | tuple[str, ...]
"""A value of a query or a form; a list repeats the name."""
Cel = Annotated[str, Field(min_length=1, max_length=4096)]
DURATION = r"^[0-9]{1,6}(ms|s|m|h)$"
"""The form of a duration in JSON Schemas."""
_DURATION = re.compile(r"([0-9]{1,6})(ms|s|m|h)")
# from small to large: `as_duration` takes the largest unit that divides
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def milliseconds(value: object) -> int:
    """A duration such as `500ms`, `10s`, `5m` or `1h` in milliseconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("expected a duration such as `500ms`, `10s` or `5m`")
    return int(match[1]) * _UNITS[match[2]]


def as_duration(ms: int) -> str:
    """Milliseconds as people write them, in the largest unit that divides them."""
    if not ms:
        return "0s"
    unit = next(name for name, size in reversed(_UNITS.items()) if ms % size == 0)
    return f"{ms // _UNITS[unit]}{unit}"


WrittenDuration = Annotated[str, Field(pattern=DURATION)]
"""A duration as a file has it."""
Duration = Annotated[int, BeforeValidator(milliseconds, json_schema_input_type=WrittenDuration)]


def unsupported(what: str) -> BeforeValidator:
    """Refuses every value but none: the key is known, and nothing stands behind it yet."""

    def refuse(value: object) -> object:
        # `none` says explicitly what is so anyway, which old files do
        if value not in (None, "none"):
            raise ValueError(f"{what} is not supported yet")
        return value

    return BeforeValidator(refuse)


def _on_its_line(_: object) -> object:
    # a draft is told by its text before it is read, so that it may hold anything: what comes here is written otherwise
    raise ValueError("is written on a line of its own, `draft: true`")


DraftMark = Annotated[Literal[True] | None, BeforeValidator(_on_its_line)]
"""The key by which a file says that it is still written on; here for editors, since no file that says so is read."""


class Strict(BaseModel):
    """Closed, frozen wire models.

    `later` names the keys that a newer version of the format brought. At their default they are not written, so that
    the digest of a contract, and every approval bound to it, outlives a new version of this code.
    """

    # a misspelt key would else be a safeguard that is silently not there
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_defaults_of_later(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        fields: dict[str, JsonValue] = handler(self)
        for name in self.later:
            # both spellings: a dump by alias and one by name have the same digest
            info = type(self).model_fields[name]
            if getattr(self, name) == info.get_default(call_default_factory=True):
                fields.pop(info.alias or name, None)
                fields.pop(name, None)
        return fields
