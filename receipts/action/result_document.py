"""The document of a result: only what was set is written, and what is not understood is kept."""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Annotated, Literal, TypeVar

from pydantic import JsonValue, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema


class Unset(Enum):
    """The value of a field that is not written although `None` would be written as null."""

    UNSET = "unset"


UNSET = Unset.UNSET
"""Nothing is said of it."""
Changed = Annotated[bool | Literal[Unset.UNSET] | None, WithJsonSchema({"type": ["boolean", "null"]})]
"""Whether anything is different from before; `None`: it cannot be known."""
# a class has the same fields for ever; to ask `dataclasses.fields` for each document cost more than to write it
_WRITTEN: dict[type["Part"], tuple[tuple[str, object], ...]] = {}


def _written(kind: type["Part"]) -> tuple[tuple[str, object], ...]:
    """The fields of a document, each with the default that is not written (a field without one always is)."""
    found = _WRITTEN.get(kind)
    if found is None:
        found = _WRITTEN[kind] = tuple((f.name, f.default) for f in fields(kind) if f.name != "extra")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a result. Its document holds each field that has not its default."""

    extra: SkipJsonSchema[Mapping[str, JsonValue]] = field(default_factory=dict)

    def document(self) -> dict[str, JsonValue]:
        """As JSON: what was set, in the order of the fields, and nothing else."""
        said: dict[str, JsonValue] = {}
        for name, unless in _written(type(self)):
            value = getattr(self, name)
            if value is not unless:
                said[name] = value if value is None or isinstance(value, str) else _plain(value)
        if self.extra:
            said.update(self.extra)
        return said


T = TypeVar("T")
Rest = MutableMapping[str, JsonValue]


def _plain(value: object) -> JsonValue:
    if isinstance(value, int):
        return value
    if isinstance(value, tuple):
        return [item if isinstance(item, str) else _plain(item) for item in value]
    if isinstance(value, Part):
        return value.document()
    if isinstance(value, dict | Mapping):  # nearly always a dict, which costs less to find out
        return dict(value)
    raise TypeError(f"a result holds no {type(value).__name__}")


# what has the expected form is taken out of `rest`, and all else stays there: the rest is what `extra` keeps


def take_one(rest: Rest, name: str, of: Callable[[Mapping[str, JsonValue]], T | None]) -> T | None:
    """The part of this name, where `of` understands it."""
    value = rest.get(name)
    found = of(value) if isinstance(value, dict) else None
    if found is not None:
        del rest[name]
    return found


def take_each(rest: Rest, name: str, of: Callable[[Mapping[str, JsonValue]], T | None]) -> tuple[T, ...] | None:
    """The list of this name, where `of` understands each of its parts."""
    values = rest.get(name)
    if not isinstance(values, list):
        return None
    found = tuple(one for value in values if isinstance(value, dict) and (one := of(value)) is not None)
    if len(found) != len(values):
        return None
    del rest[name]
    return found


def take_texts(rest: Rest, name: str) -> tuple[str, ...] | None:
    """The list of texts of this name."""
    values = rest.get(name)
    if not isinstance(values, list):
        return None
    found = tuple(value for value in values if isinstance(value, str))
    if len(found) != len(values):
        return None
    del rest[name]
    return found


def take_text(rest: Rest, name: str) -> str | None:
    """The text of this name."""
    value = rest.get(name)
    if not isinstance(value, str):
        return None
    del rest[name]
    return value


def take_object(rest: Rest, name: str) -> Mapping[str, JsonValue] | None:
    """The object of this name."""
    value = rest.get(name)
    if not isinstance(value, dict):
        return None
    del rest[name]
    return value
