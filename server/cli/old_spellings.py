"""Spellings of commands that are refused, each with the one that counts."""

from collections.abc import Mapping, Sequence
from typing import Final

_HALTED: Final = ("all", "connection", "contract", "agent")
MOVED: Final[Mapping[tuple[str, ...], str]] = {
    **{("halt", scope): f"halt add {scope}" for scope in _HALTED},
    ("unhalt",): "halt lift",
    ("halts",): "halt list",
    ("approval", "keys"): "person list",
    ("approval", "enrol"): "person enrol",
    ("approval", "revoke"): "person revoke-key",
    ("console", "link"): "person invite",
    ("connection", "connect"): "connection sign-in",
    ("connection", "disconnect"): "connection sign-out",
    ("action", "open"): "action list --in-doubt",
}
"""The words after `ailyus` as they were once, and as they are now."""


def moved(words: Sequence[str]) -> tuple[str, str] | None:
    """The old spelling with which a command line begins, and the new one; None if it begins with none."""
    for count in (1, 2):
        if found := MOVED.get(tuple(words[:count])):
            return " ".join(words[:count]), found
    return None
