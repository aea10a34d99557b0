"""The file of an API description: JSON, or YAML with bounds on its size, its aliases and its depth."""

from pathlib import Path
from typing import Final

import orjson
import yaml

from contracts.drafts.openapi_parameter import Part
from contracts.errors import AilyusError
from contracts.text.document import levelled
from contracts.text.source import MalformedSource, read_bytes

MAX_FILE: Final = 64 * 1024 * 1024
"""Bytes of a description; public ones have been seen with 12 MiB."""
MAX_YAML: Final = 8 * 1024 * 1024
MAX_ALIASES: Final = 1_000
MAX_DEPTH: Final = 200


def read_description(path: Path) -> Part:
    """The content of a file; raises `AilyusError` where it holds no paths."""
    try:
        raw = read_bytes(path, MAX_FILE)
    except MalformedSource as error:
        raise AilyusError("bad_description", str(error), field=str(path)) from None
    content: object = None
    try:
        # JSON first: it needs no bounds on aliases, and it is read much faster
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        if len(raw) <= MAX_YAML:
            content = _yaml(raw)
    if not isinstance(content, dict) or not isinstance(content.get("paths"), dict):
        hint = "JSON, or YAML of at most 8 MiB with at most 1,000 aliases"
        raise AilyusError("bad_description", f"`{path}` is no OpenAPI description", hint=hint)
    return content


def _yaml(raw: bytes) -> object:
    """YAML whose aliases are few: what they share is shared in memory too, and only a little of it is walked.

    And one that is not deep: libyaml takes minutes for a megabyte of brackets.
    """
    # a few aliases of aliases unfold to more than memory holds
    aliases = 0
    try:
        for event, depth in levelled(raw):
            aliases += isinstance(event, yaml.AliasEvent)
            if aliases > MAX_ALIASES or depth > MAX_DEPTH:
                return None
        return yaml.load(raw, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
