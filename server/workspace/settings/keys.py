"""Every key of the settings, as their JSON Schema has it: what `settings show` lists and the reference describes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.schema.fields import DURATION
from server.workspace.schemas import schema_of
from server.workspace.settings.part import REFERENCE_FORMAT
from server.workspace.settings.settings import PREFIX, SEPARATOR

NAME = "NAME"
"""Stands in a path for a name that the file gives: of a connection, an adapter, a notice, an escalation."""
REFERENCE_KIND = "reference"
"""The kind of a key that refers to a secret."""
EACH = "[]"
"""Stands in a path for each table of a list."""


@dataclass(frozen=True, slots=True)
class SettingKey:
    """One key: where it is, what it may be, what it is where nobody says so, and what it says.

    `kind` is the type in words, `unit` what a number or a duration is measured in. `default` and `example` are TOML;
    `default` is empty for a key that must be given or that stands for nothing.
    """

    path: tuple[str, ...]
    kind: str
    unit: str
    default: str
    example: str
    required: bool
    says: str

    @property
    def variable(self) -> str:
        """The environment variable; of a list of tables, the one that holds the whole list as JSON."""
        return variable_of(self.path)


def variable_of(path: tuple[str, ...]) -> str:
    """The environment variable of a key's path."""
    named = path[: path.index(EACH)] if EACH in path else path
    return PREFIX + SEPARATOR.join(named).upper()


class SchemaNode(BaseModel):
    """What of a JSON Schema (draft 2020-12) the settings' schema uses."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    ref: str = Field("", alias="$ref")
    type: str = ""
    properties: dict[str, "SchemaNode"] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    any_of: tuple["SchemaNode", ...] = Field((), alias="anyOf")
    items: "SchemaNode | None" = None
    additional: "SchemaNode | bool | None" = Field(None, alias="additionalProperties")
    enum: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    pattern: str = ""
    format: str = ""
    unit: str = Field("", alias="x-unit")
    default: JsonValue = None
    examples: tuple[JsonValue, ...] = ()
    description: str = ""
    definitions: dict[str, "SchemaNode"] = Field(default_factory=dict, alias="$defs")

    @property
    def forms(self) -> list["SchemaNode"]:
        """It, or what it may be one of, without null."""
        return [way for way in self.any_of if way.type != "null"] or [self]


@cache
def keys() -> tuple[SettingKey, ...]:
    """All keys, each part's own before those of its parts."""
    schema = SchemaNode.model_validate_json(schema_of("settings"))
    return tuple(_keys((), schema, schema.definitions))


def _keys(path: tuple[str, ...], schema: SchemaNode, definitions: Mapping[str, SchemaNode]) -> Iterator[SettingKey]:
    parts = []
    for name, one in schema.properties.items():
        step, inner = _part(one, definitions)
        if inner is None:
            yield _key((*path, name), one, name in schema.required)
        else:
            parts.append(((*path, name, *step), inner))
    for below, inner in parts:
        yield from _keys(below, inner, definitions)


def _part(schema: SchemaNode, definitions: Mapping[str, SchemaNode]) -> tuple[tuple[str, ...], SchemaNode | None]:
    """The part that a key holds, and what stands in a path between the key and that part's keys; else None."""
    for form in schema.forms:
        for step, at in (((), form), ((EACH,), form.items), ((NAME,), form.additional)):
            if isinstance(at, SchemaNode) and at.ref:
                return step, definitions[at.ref.rsplit("/", 1)[1]]
    return (), None


def _key(path: tuple[str, ...], schema: SchemaNode, required: bool) -> SettingKey:
    (form,) = schema.forms
    is_duration = form.pattern == DURATION
    return SettingKey(
        path,
        "duration" if is_duration else _kind(form, schema),
        "ms, s, m or h" if is_duration else form.unit or schema.unit,
        "" if schema.default in (None, "", [], {}) else toml(schema.default),
        f"{path[-1]} = {toml(schema.examples[0] if schema.examples else schema.default)}",
        required,
        schema.description,
    )


def _kind(form: SchemaNode, schema: SchemaNode) -> str:
    if form.enum:
        return "one of " + ", ".join(f"`{one}`" for one in form.enum)
    if REFERENCE_FORMAT in (form.format, schema.format):
        return REFERENCE_KIND
    if form.items:
        inner = _kind(form.items, form.items)
        return f"list: each {inner}" if form.items.enum else f"list of {inner}s"
    if form.minimum is not None:
        return f"{form.type}, {form.minimum} to {form.maximum}"
    return "table of strings" if form.type == "object" else form.type


def toml(value: JsonValue) -> str:
    """A value as TOML 1.0 writes it in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    # a basic string of TOML escapes as JSON does (TOML 1.0, "String")
    return orjson.dumps(value).decode()
