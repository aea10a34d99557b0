"""A JSON Schema is held against its metaschema once in a process.

The MCP client of Python does so for each tool of each client, which takes 25 ms of CPU; most tests have a client of
their own, and the schemas of the tools are the same ones again and again.
"""

from typing import Any

import orjson
from jsonschema import Draft202012Validator

_check = Draft202012Validator.check_schema
_sound: set[bytes] = set()


def _checked_once(schema: Any, **options: Any) -> None:
    key = orjson.dumps([schema, repr(options)], option=orjson.OPT_SORT_KEYS)
    if key not in _sound:
        _check(schema, **options)
        _sound.add(key)


def remember() -> None:
    """From now on, a schema that was found sound is not checked again. One that is not is refused each time."""
    Draft202012Validator.check_schema = _checked_once
