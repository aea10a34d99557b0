"""A JSON value as one line, or narrowed to one type. What has another type is empty: a statement may leave it out."""

import orjson
from pydantic import JsonValue

_BREAKS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
"""What JSON lets stand in a string, and what ends a line for some readers."""


def line_of(value: JsonValue) -> str:
    """The value as JSON on one line, whoever reads it."""
    # guard: one line of JSON
    return orjson.dumps(value).decode().translate(_BREAKS)


def object_of(value: JsonValue) -> dict[str, JsonValue]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: JsonValue) -> list[JsonValue]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def number_of(value: JsonValue) -> int:
    """The whole number, or 0."""
    return value if isinstance(value, int) else 0
