"""What an action changed, out of its evidence: each field that reads otherwise after it than before."""

from collections.abc import Iterator, Mapping

import orjson
from pydantic import JsonValue

MAX_CHANGES = 200
"""Lines at most: more is no longer read by anybody."""
_MAX_VALUE = 200
_ABSENT = "(nothing)"


def changes_of(evidence: Mapping[str, bytes]) -> list[str]:
    """Lines `read.field: before → after`, from the bodies that were read before and after."""
    lines: list[str] = []
    for label in sorted(evidence):
        phase, _, name = label.partition("/")
        if phase == "before" and f"after/{name}" in evidence:
            before, after = _flat(evidence[label]), _flat(evidence[f"after/{name}"])
            lines += [
                f"  {name}{path}: {before.get(path, _ABSENT)} → {after.get(path, _ABSENT)}"
                for path in sorted(before.keys() | after.keys())
                if before.get(path) != after.get(path)
            ]
    more = len(lines) - MAX_CHANGES
    return [*lines[:MAX_CHANGES], *([f"  and {more} more"] if more > 0 else [])]


def _flat(body: bytes) -> dict[str, str]:
    """Every value of a body by its path; a body that is no JSON has none."""
    try:
        return dict(_leaves(orjson.loads(body), ""))
    except orjson.JSONDecodeError:
        return {}


def _leaves(value: JsonValue, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, one in value.items():
            yield from _leaves(one, f"{path}.{name}")
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            yield from _leaves(one, f"{path}[{number}]")
    else:
        text = orjson.dumps(value).decode()
        yield path, text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"
