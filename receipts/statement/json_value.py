"""A value of JSON that somebody else may have written, taken as an object or an array (RFC 8259) whatever it is.

Proofs and exports read statements of other versions with it: what has another form than is expected says nothing, and
no reader of it fails.
"""

from pydantic import JsonValue


def object_of(value: JsonValue) -> dict[str, JsonValue]:
    """The object; an empty one where the value is none."""
    return value if isinstance(value, dict) else {}


def array_of(value: JsonValue) -> list[JsonValue]:
    """The array; an empty one where the value is none."""
    return value if isinstance(value, list) else []
