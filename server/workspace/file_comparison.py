"""The files of two releases side by side: what differs, line by line, for whoever reads a proposed release."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Final

MAX_LINES: Final = 400
"""Lines of one file's difference that are shown."""


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One file that differs: unified lines, each beginning with ` `, `+`, `-` or `@@`; `more` are not shown."""

    name: str
    lines: tuple[str, ...]
    more: int


def file_differences(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[FileDifference, ...]:
    """Every file that differs, by name; one that came or went is shown whole."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, b""), after.get(name, b"")
        if old != new:
            lines = list(unified_diff(_lines(old), _lines(new), lineterm=""))[2:]
            found.append(FileDifference(name, tuple(lines[:MAX_LINES]), max(0, len(lines) - MAX_LINES)))
    return tuple(found)


def _lines(data: bytes) -> list[str]:
    # at line feeds alone: whatever else some tools take for the end of a line stays visible inside of one
    return data.decode("utf-8", "replace").split("\n")
