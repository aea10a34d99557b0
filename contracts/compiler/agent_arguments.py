"""The arguments that the gateway itself adds to a tool, beside the inputs of its contract."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

REASON: Final[Mapping[str, JsonValue]] = {
    "type": "string",
    "minLength": 10,
    "maxLength": 300,
    "description": "Why, in your own words: a person reads it, and it is recorded as the agent's words.",
}
PREVIEW: Final[Mapping[str, JsonValue]] = {
    "type": "boolean",
    "description": "True: decide and look, change nothing, and say what would happen.",
}
RESERVED: Final = frozenset({"reason", "connection", "preview"})
