"""The change of a record: what was observed before an action and after it, path by path, where both differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import JsonValue

MOST: Final = 200
"""Paths of one page; the evidence holds all of them."""
_DEEPEST: Final = 12
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One place of the record; None where it was not there."""

    path: str
    before: str | None
    after: str | None


def changes_of(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[RecordChange]:
    """The places that differ, of the bodies that were read before and after; a half read is left out."""
    found: list[RecordChange] = []
    for name in before:
        if name in after:
            found += _differences(name, parsed(before[name]), parsed(after[name]))
    return found[:MOST]


def parsed(body: bytes) -> JsonValue:
    """A body as JSON, or as the text that it is."""
    try:
        value: JsonValue = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
    return value


def pretty(body: bytes) -> str:
    """A body to be read: JSON with its lines indented, anything else as it is."""
    value = parsed(body)
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _differences(path: str, before: object, after: object, deep: int = 0) -> Iterator[RecordChange]:
    left, right = _members(before), _members(after)
    if left is None or right is None or type(before) is not type(after) or deep >= _DEEPEST:
        # as JSON: true and 1 are equal to Python alone
        if _told(before) != _told(after) or isinstance(before, str) is not isinstance(after, str):
            yield RecordChange(path, _told(before), _told(after))
        return
    for name in dict.fromkeys((*left, *right)):
        yield from _differences(f"{path}{name}", left.get(name, _ABSENT), right.get(name, _ABSENT), deep + 1)


def _members(value: object) -> dict[str, object] | None:
    """The members of a value by their path; of a list of records by their ids, so that one that came moves no other."""
    if isinstance(value, dict):
        return {f".{name}": member for name, member in value.items()}
    if not isinstance(value, list):
        return None
    ids = [one.get("id") if isinstance(one, dict) else None for one in value]
    named = all(isinstance(one, str | int) for one in ids) and len(set(ids)) == len(ids)
    return {f"[{ids[n] if named else n}]": one for n, one in enumerate(value)}


def _told(value: object) -> str | None:
    if value is _ABSENT:
        return None
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
