"""A JSON value narrowed to one type. What has another type is empty: a statement may leave any part of it out."""

from pydantic import JsonValue


def object_of(value: JsonValue) -> dict[str, JsonValue]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: JsonValue) -> list[JsonValue]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def number_of(value: JsonValue) -> int:
    """The whole number, or 0."""
    return value if isinstance(value, int) else 0
