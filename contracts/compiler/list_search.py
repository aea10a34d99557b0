"""The search of a list for one element: the one thing that a part of a list can answer, and only with yes."""

import re
from collections.abc import Iterable
from typing import Final

from contracts.compiler.expressions import CEL_STRING

_EXISTS: Final = re.compile(r"\.exists\s*\(")
_HAS: Final = re.compile(r"\bhas\s*\(\s*([\w.]+)\s*\)")
_REFUSED: Final = re.compile(
    # a negation, a choice, and what looks at all elements
    r"!(?!=)|\?|\.(all|exists_one|filter|map|size)\s*\(|\bsize\s*\("
    # the answer of a search, compared
    r"|\)\s*(==|!=|<|>)|(==|!=|<=?|>=?)\s*\("
)


def only_finds(text: str, paths: Iterable[str]) -> bool:
    """Can more elements in the lists at these paths never make it false?

    So where a CEL text only asks whether a list is there or has some element, by `has`, `exists` or `in`, joined by
    `&&` and `||`.
    """
    outside = _without_bodies(CEL_STRING.sub("''", text))
    if outside is None:
        return False
    outside = _HAS.sub(r"\1.exists", outside)
    if _REFUSED.search(outside):
        return False
    parts = [part.strip(" ()\t\n") for part in re.split(r"&&|\|\|", outside)]
    return all(_is_search(path, parts) for path in paths)


def _is_search(path: str, parts: Iterable[str]) -> bool:
    """Does every part that names the path only look for an element in it?"""
    name = re.escape(path)
    named = [part for part in parts if re.search(rf"(?<![\w.]){name}\b", part)]
    search = re.compile(rf"{name}\s*\.exists|[^=!<>]+\sin\s+{name}")
    return bool(named) and all(search.fullmatch(part) for part in named)


def _without_bodies(text: str) -> str | None:
    """The text without what stands in the brackets of each `exists`; None where a bracket is not closed.

    A body that itself looks at all of a list, or denies, may do so: it is about one element of the outer list.
    """
    out, start = [], 0
    for match in _EXISTS.finditer(text):
        if match.start() < start:  # inside of another one's body
            continue
        depth, end = 1, match.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if depth:
            return None
        out.append(text[start : match.start()] + ".exists")
        start = end
    return "".join(out) + text[start:]
