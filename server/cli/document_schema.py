"""The JSON Schema of a command's document, whose parts may have the form of a model that stands elsewhere.

A command names that model by its place (`DocumentPart`): to import every model would cost each command half a second.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Final, cast

from pydantic import BaseModel, JsonValue, TypeAdapter

from contracts.schema.fields import DURATION
from server.cli.document_part import MARK

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_of(document: type[object]) -> Mapping[str, object]:
    """The JSON Schema (2020-12) of a document's type."""
    made: JsonValue = TypeAdapter(document).json_schema(mode="serialization")
    filled = _filled(made)
    return {"$schema": DIALECT, **filled} if isinstance(filled, dict) else {"$schema": DIALECT}


def _filled(node: JsonValue) -> JsonValue:
    if isinstance(node, list):
        return [_filled(one) for one in node]
    if not isinstance(node, dict):
        return node
    places = node.get(MARK)
    if isinstance(places, list):
        ways: list[JsonValue] = [_embedded(str(place)) for place in places]
        return ways[0] if len(ways) == 1 else {"anyOf": ways}
    return {key: _filled(value) for key, value in node.items()}


def _embedded(place: str) -> dict[str, JsonValue]:
    module, _, name = place.partition(":")
    found: object = getattr(importlib.import_module(module), name)
    if isinstance(found, dict):
        made: dict[str, JsonValue] = found
    elif callable(found) and not isinstance(found, type):
        made = cast("Callable[[], dict[str, JsonValue]]", found)()
    else:
        # as it is read: what need not be written need not be printed
        made = _in_ms(TypeAdapter(cast("type[BaseModel]", found)).json_schema(mode="validation", by_alias=True))
    # an id of its own, so that its references stay its own (JSON Schema 2020-12, section 9.3.1)
    return {"$id": f"urn:ailyus:{place}", **made}


def _in_ms(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The same, where a duration is the number of its milliseconds: files have `10s`, and documents 10000."""
    if schema.get("pattern") == DURATION:
        return {"type": "integer", "x-unit": "milliseconds"}
    return {key: _each_in_ms(value) for key, value in schema.items()}


def _each_in_ms(node: JsonValue) -> JsonValue:
    if isinstance(node, list):
        return [_each_in_ms(one) for one in node]
    return _in_ms(node) if isinstance(node, dict) else node
