"""The parameter of an OpenAPI operation: its place, its style, and the input that can hold its value."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from contracts.drafts.input_schema import input_of, is_a_choice

Part = dict[str, JsonValue]
# as text, since the canonical form has no floats
_NUMBER: Final = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
_COLLECTIONS: Final = {
    "multi": ("form", True),
    "csv": ("form", False),
    "ssv": ("spaceDelimited", False),
    "pipes": ("pipeDelimited", False),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, with its schema solved."""

    name: str
    where: str
    part: Part
    schema: Part
    needed: bool


def style_of(part: Part) -> tuple[str, bool]:
    """Style and explode of a parameter, with the defaults of OpenAPI 3, or out of Swagger's `collectionFormat`."""
    # Swagger 2 says it in one word; `csv` is its default
    collection = part.get("collectionFormat", "csv" if part.get("type") == "array" else None)
    if collection is not None:
        return _COLLECTIONS.get(str(collection), (str(collection)[:20], False))
    style = str(part.get("style", "form"))
    return style, part.get("explode", style == "form") is True


def text_input(schema: Mapping[str, JsonValue]) -> Part | None:
    """An input for a value that is sent as text: a number with a fraction is a text of its form."""
    field_ = input_of(schema)
    if field_ is None and schema.get("type") == "number" and not is_a_choice(schema):
        return {"type": "string", "pattern": _NUMBER}
    return field_


def text_of(value: JsonValue) -> str:
    """A value as it stands in a URL or a header: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def texts_of(value: JsonValue) -> JsonValue:
    """The same for each entry of a list, which repeats its name."""
    return [text_of(one) for one in value] if isinstance(value, list) else text_of(value)
