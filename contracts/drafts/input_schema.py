"""The schema of one value in a description from outside, as the input of a contract that can hold it."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

CUT: Final = "x-ailyus-cut"
"""Marks a part of a schema that holds itself, where it was cut."""


def is_a_choice(part: Mapping[str, JsonValue]) -> bool:
    """Is it one of several shapes, of which none is guessed, or a shape that holds itself?"""
    return any(key in part for key in ("oneOf", "anyOf", CUT))


def _is_token(value: object) -> bool:
    """A choice that is no sentence: whatever stands in a schema is read by agents."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.:/-]{1,64}", value) is not None


def without_null(part: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """A schema without the `null` that stands beside it."""
    for key in ("anyOf", "oneOf"):
        choices = part.get(key)
        if isinstance(choices, list):
            real = [c for c in choices if isinstance(c, Mapping) and c.get("type") != "null"]
            if len(real) == 1 and isinstance(real[0], Mapping):
                return {**{k: v for k, v in part.items() if k != key}, **real[0]}
    # OpenAPI 3.1 writes `type: [string, "null"]`, 3.0 has `nullable`
    kinds = part.get("type")
    if isinstance(kinds, list):
        named = [k for k in kinds if k != "null"]
        return {**part, "type": named[0]} if len(named) == 1 else part
    return part


def input_of(part: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    """One input with the bounds that its schema gives; None for what is no string, integer, boolean or list of such."""
    part = without_null(part)
    return None if is_a_choice(part) else plain_input(part)


def plain_input(part: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    """One input for a schema that is no choice and has no `null` beside it."""
    kind, items = part.get("type"), part.get("items")
    if kind == "array" and isinstance(items, Mapping):
        return _list_of(part, without_null(items))
    choices = part.get("enum")
    if kind is None and isinstance(choices, list) and choices and all(isinstance(c, str) for c in choices):
        kind = "string"
    if kind not in ("string", "integer", "boolean") or part.get("format") == "binary":
        return None
    out: dict[str, JsonValue] = {"type": kind}
    if kind == "string" and isinstance(choices, list) and choices and all(_is_token(c) for c in choices):
        out["enum"] = choices
    for key in ("minLength", "maxLength") if kind == "string" else ("minimum", "maximum") if kind == "integer" else ():
        bound = part.get(key)
        # some descriptions give bounds of 64 bits, which mean no bound
        if isinstance(bound, int) and abs(bound) <= 10**15 and (key != "maxLength" or 1 <= bound <= 20_000):
            out[key] = bound
    if kind == "string" and part.get("format") in ("email", "date", "date-time", "uuid"):
        out["format"] = part["format"]
    # INVARIANT 9: a default is shown to agents, so a sentence from outside is none
    default = part.get("default")
    if isinstance(default, {"string": str, "integer": int, "boolean": bool}[kind]) and (
        not isinstance(default, str) or _is_token(default)
    ):
        out["default"] = default
    return out


def _list_of(part: Mapping[str, JsonValue], items: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    if items.get("type") not in ("string", "integer") or is_a_choice(items):
        return None
    inner: dict[str, JsonValue] = {"type": items["type"]}
    choices = items.get("enum")
    if items["type"] == "string" and isinstance(choices, list) and choices and all(_is_token(c) for c in choices):
        inner["enum"] = choices
    out: dict[str, JsonValue] = {"type": "array", "items": inner}
    for key, least in (("minItems", 0), ("maxItems", 1)):
        bound = part.get(key)
        if isinstance(bound, int) and least <= bound <= 1_000:
            out[key] = bound
    return out
