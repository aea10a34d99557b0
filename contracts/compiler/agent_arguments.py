"""The arguments that the gateway itself adds to a tool, beside the inputs of its contract."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

REASON: Final[Mapping[str, JsonValue]] = {
    "type": "string",
    "minLength": 10,
    "maxLength": 300,
    "description": "Why; people read it.",
}
# an agent that gives a reason where none is asked for has done nothing wrong
OPTIONAL_REASON: Final[Mapping[str, JsonValue]] = {key: value for key, value in REASON.items() if key != "minLength"}
PREVIEW: Final[Mapping[str, JsonValue]] = {
    "type": "boolean",
    "description": "Only say what would be done.",
}
RESERVED: Final = frozenset({"reason", "connection", "preview"})
