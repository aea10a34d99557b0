"""The remaining document: one file without its faulty parts, so that its other faults are found in the same look."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import yaml

from contracts.errors import AilyusError
from contracts.text.node import line_of, without

_NAMED: Final = frozenset({"inputs", "observe"})
"""Parts whose entries others name: one with a fault is left out whole, and then by its name what follows from that."""
_ALONE: Final = frozenset(
    {"request", "require", "says", "shows", "execute", "expect", "foreign", "unchanged", "disclose", "evidence", "undo"}
)
"""Parts that nothing names."""


class RemainingDocument:
    """What is left of a file. `missing` are names that others of its folder have lost by faults of their own."""

    def __init__(self, content: object, node: yaml.Node, missing: Iterable[str] = ()) -> None:
        self.content = self._written = content
        self.node = node
        self._missing = set(missing)

    @property
    def is_whole(self) -> bool:
        """Has nothing been left out?"""
        return self.content is self._written

    def line(self, where: Sequence[str]) -> int:
        """The line of a place, as the whole file has it."""
        return line_of(self.node, where)

    def follows(self, fault: AilyusError, where: Sequence[str]) -> bool:
        """Is it a fault only because something is missing that has a fault itself?"""
        said = f"{fault.sentence} {_at(self.content, where)}"
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) for name in self._missing)

    def leave_out(self, places: Sequence[Sequence[str]]) -> bool:
        """Go on without faulty places. False where the rest would make no sense without them."""
        if not all(places):  # a fault of the whole file
            return False
        entries = {_entry(where) for where in places}
        # from the end: what is left of a list has other numbers
        ordered = sorted(entries, key=lambda where: [name.zfill(6) for name in where], reverse=True)
        return all(self._left_out(where) for where in ordered)

    def _left_out(self, where: tuple[str, ...]) -> bool:
        part, before = where[0], self.content
        if part not in _NAMED | _ALONE or (part in _NAMED and len(where) < 2):
            return False
        self.content, self.node = without(self.content, self.node, where)
        if self.content == before:
            return False
        if part in _NAMED:
            self._missing.add(where[1])
        left = self.content.get(part) if isinstance(self.content, dict) else None
        return bool(left) or part not in ("expect", "execute")


def _entry(where: Sequence[str]) -> tuple[str, ...]:
    """The part that is left out with a place: the whole entry of what others name, or of a list."""
    is_whole = where[0] in _NAMED or (len(where) > 1 and where[1].isdigit())
    return tuple(where[:2] if is_whole else where)


def _at(content: object, where: Sequence[str]) -> object:
    for name in where:
        if isinstance(content, dict) and name in content:
            content = content[name]
        elif isinstance(content, list) and name.isdigit() and int(name) < len(content):
            content = content[int(name)]
        else:
            break
    return content
